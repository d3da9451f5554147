"""A web site on loopback, whose pages can fail in the ways that real ones do."""

from __future__ import annotations

import ssl
import subprocess
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass
class Site:
    """What the site has.

    Attributes:
        url: Where it is, without a slash at the end.
        pages: Contents by path.
        redirects: Where paths lead.
        truncated: Paths whose pages end before all is sent.
        silent: Paths that are never answered.
        gates: What the answers to some paths wait for.
        root: A directory below which other files are.
        requests: What was asked for.
        closing: Set when the site closes, for those that wait.
    """

    root: Path
    url: str = ""
    pages: dict[str, bytes] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    truncated: set[str] = field(default_factory=set)
    silent: set[str] = field(default_factory=set)
    gates: dict[str, threading.Event] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)


class _Server(ThreadingHTTPServer):
    site: Site

    def handle_error(self, *_args: object) -> None:
        """A client that has seen enough is no error."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        site = self.server.site
        path = self.path.partition("?")[0]
        site.requests.append(path)
        if path in site.gates:
            site.gates[path].wait(60)
        if path in site.silent:
            site.closing.wait(60)
        elif path in site.redirects:
            self.send_response(302)
            self.send_header("Location", site.redirects[path])
            # Over TLS, an end that nobody announced is a failure.
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self._send(site, path)

    def _send(self, site: Site, path: str) -> None:
        content = site.pages.get(path)
        file = site.root / path.lstrip("/")
        if content is None and file.is_file():
            content = file.read_bytes()
        if content is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if path in site.truncated else content)

    def log_message(self, *_args: object) -> None:
        """Print nothing."""


@contextmanager
def serve(root: Path, certificate: Path | None = None) -> Iterator[Site]:
    """Run a site, over TLS if there is a certificate (a PEM file with its key)."""
    site = Site(root)
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.site = site
        scheme = "http"
        if certificate is not None:
            scheme = "https"
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        site.url = f"{scheme}://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield site
        finally:
            site.closing.set()
            server.shutdown()
            thread.join()


def make_certificate(path: Path) -> Path:
    """Make a certificate for 127.0.0.1, with its key in the same file."""
    key = path.with_suffix(".key")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"),
            *("-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", str(key), "-out", str(path)),
        ],
        check=True,
        capture_output=True,
    )
    path.write_text(path.read_text() + key.read_text())
    return path
