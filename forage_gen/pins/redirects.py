"""Finds out why a download failed: whether the server sends its clients to a weaker scheme."""

from __future__ import annotations

import os
import ssl
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.parse import urljoin, urlsplit
from urllib.request import HTTPRedirectHandler, HTTPSHandler, Request, build_opener

if TYPE_CHECKING:
    from http.client import HTTPMessage
    from typing import IO

_SECONDS = 10.0


class _LeftError(Exception):
    """A redirect to a weaker scheme. `target` is the URL that it leads to."""

    def __init__(self, target: str) -> None:
        self.target = target
        super().__init__(target)


class _Watch(HTTPRedirectHandler):
    """Follows redirects as long as the scheme stays as good."""

    def http_error_302(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage
    ) -> IO[bytes] | None:
        target = urljoin(req.full_url, headers.get("Location", ""))
        if urlsplit(target).scheme not in {"https", urlsplit(req.full_url).scheme}:
            raise _LeftError(target)
        return super().http_error_302(req, fp, code, msg, headers)

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


def weaker_scheme(url: str) -> str | None:
    """Find where a redirect leads from `url` that is neither of its scheme nor https."""
    try:
        opener = build_opener(_Watch, HTTPSHandler(context=_context()))
        opener.open(url, timeout=_SECONDS).close()
    except _LeftError as left:
        return left.target
    except (URLError, OSError, ValueError):
        pass  # that it cannot be fetched is known already
    return None


def _context() -> ssl.SSLContext:
    # The certificates that Nix goes by (nix.conf(5), `ssl-cert-file`).
    return ssl.create_default_context(cafile=os.environ.get("NIX_SSL_CERT_FILE") or None)
