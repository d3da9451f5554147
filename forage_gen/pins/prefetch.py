"""Fetches one source with Nix's own tools, and says what it holds."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING

from forage_gen.pins.hashes import to_sri
from forage_gen.pins.process import Finished, TookTooLongError, Tool, run
from forage_gen.resolve.pins import Pin
from forage_gen.values.problem import ValueProblem
from forage_gen.values.sources import git_rev, store_name
from forage_gen.values.text import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from forage_gen.schema.models import Source

PREFETCH_URL = Tool(
    "nix-prefetch-url",
    "It is a part of Nix: install Nix, on Debian with `apt-get install nix-bin`.",
)
PREFETCH_GIT = Tool(
    "nix-prefetch-git",
    "It is a package of nixpkgs: run `nix-shell -p nix-prefetch-git --run 'forage-gen lock'`.",
)

# Both tools read these as if they were options; empty, they ask for nothing. The hook would
# be run as a command (nix-prefetch-url.cc; nix-prefetch-git).
_QUIET: Mapping[str, str] = dict.fromkeys(
    (
        "NIX_HASH_ALGO",
        "NIX_PREFETCH_GIT_BRANCH_NAME",
        "NIX_PREFETCH_GIT_CHECKOUT_HOOK",
        "NIX_PREFETCH_GIT_DEEP_CLONE",
        "NIX_PREFETCH_GIT_LEAVE_DOT_GIT",
        "PRINT_PATH",
        "QUIET",
    ),
    "",
)
# curl follows redirects from https to http, and nix-prefetch-url has no option against it. A
# proxy at which nobody can listen keeps it from connecting (libcurl-env(3)).
_NOBODY = "http://127.0.0.1:0"
_PROXIES = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")

_SHOWN_MAX = 300
_MISSING = "command not found"
_HINTS = (
    (_MISSING, "Install that program: the tool that fetches needs it."),
    (
        r"HTTP error 40[34]|returned error: 40[34]|not found|remote ref",
        "Nothing is there for the asking: check the URL, and `rev` or `ref`.",
    ),
    (r"HTTP error 401|returned error: 401|could not read Username", "It asks for a password."),
    (
        r"[Rr]esolve host|connect to server|Failed to connect|Connection refused|unreachable",
        "Check the network, and the host in the URL.",
    ),
    (
        r"partial file|early EOF|hung up|disconnect",
        "The connection ended before all had arrived. Run it again.",
    ),
    (r"archive", "Check that the URL leads to an archive, and that its name says of what kind."),
)
_ELSE = "Try the URL with curl or git, then run it again."


class FetchError(Exception):
    """A source could not be fetched.

    Attributes:
        code: What went wrong, for programs.
        message: What went wrong, as a sentence.
        hint: What to do about it.
    """

    def __init__(self, code: str, message: str, hint: str) -> None:
        self.code = code
        self.message = message
        self.hint = hint
        super().__init__(message)


def prefetch(name: str, source: Source, seconds: float) -> Pin:
    """Fetch a source, and pin it at what came.

    Args:
        name: Its name.
        source: Its definition, with keys that fit each other.
        seconds: How long it may take.

    Raises:
        EnvironmentFailureError: A tool is missing.
        FetchError: The source could not be fetched.
    """
    try:
        return (_git if source.type == "git" else _url)(name, source, seconds)
    except TookTooLongError:
        message = f"The source `{name}` had not arrived after {seconds:g} seconds."
        hint = "Check the network, or give it longer: `forage-gen lock --timeout 3600`."
        raise FetchError(code="fetch-timeout", message=message, hint=hint) from None


def _url(name: str, source: Source, seconds: float) -> Pin:
    unpack = ["--unpack"] if source.type == "tarball" else []
    named = ["--type", "sha256", "--name", store_name(name)]
    environment = {**_QUIET, **_without_weaker(source.url.scheme)}
    finished = run(PREFETCH_URL, [*named, *unpack, "--", source.url.text], environment, seconds)
    if finished.code != 0:
        raise _failure(name, source.url.text, finished)
    return Pin(source.type, source.url.text, None, None, _hash(PREFETCH_URL, finished.output))


def _without_weaker(scheme: str) -> dict[str, str]:
    if scheme == "http":
        return {"ftp_proxy": _NOBODY}
    variables = dict.fromkeys(("ftp_proxy", "http_proxy"), _NOBODY)
    if not any(os.environ.get(name) for name in _PROXIES):
        # These name hosts that are reached without a proxy. With a proxy for https they are
        # needed, and a redirect to such a host alone is not stopped here.
        variables |= dict.fromkeys(("no_proxy", "NO_PROXY"), "")
    return variables


def _git(name: str, source: Source, seconds: float) -> Pin:
    scheme = source.url.scheme
    environment = {
        **_QUIET,
        # Also of redirects and submodules (git(1)).
        "GIT_ALLOW_PROTOCOL": "http:https" if scheme == "http" else scheme,
        "GIT_TERMINAL_PROMPT": "0",
    }
    wanted = source.rev or source.ref or "HEAD"
    arguments = ["--url", source.url.text, "--rev", wanted]
    finished = run(PREFETCH_GIT, arguments, environment, seconds)
    if finished.code != 0:
        url = f"{source.url.text.rstrip('/')}/info/refs?service=git-upload-pack"
        raise _failure(name, url, finished)
    rev, digest = _of_json(finished.output)
    if source.rev is not None and rev != source.rev:
        message = f"The source `{name}` came at another commit, {shown(rev)}."
        raise FetchError(code="fetch-failed", message=message, hint="Check `rev`.")
    return Pin(source.type, source.url.text, source.ref, rev, digest)


def _of_json(output: str) -> tuple[str, str]:
    try:
        found = json.loads(output)
        rev = git_rev(found["rev"])
        # `hash` is empty where Nix is too old for SRI, and absent where nixpkgs is.
        return rev, _hash(PREFETCH_GIT, found.get("sha256") or found["hash"])
    except (ValueError, LookupError, TypeError, ValueProblem):
        raise _unexpected(PREFETCH_GIT) from None


def _hash(tool: Tool, text: str) -> str:
    try:
        return to_sri(text.strip())
    except ValueError:
        raise _unexpected(tool) from None


def _unexpected(tool: Tool) -> FetchError:
    message = f"`{tool.name}` did not print what it should."
    hint = f"See which one it is: `command -v {tool.name}`."
    return FetchError("fetch-failed", message, hint)


def _failure(name: str, url: str, finished: Finished) -> FetchError:
    from forage_gen.pins.redirects import weaker_scheme  # noqa: PLC0415  needed after a failure only

    target = weaker_scheme(url) if url.startswith("http") else None
    if target is not None:
        message = f"The source `{name}` is redirected to {shown(target)}, which is refused."
        hint = "Use a URL that stays with its scheme: whoever is between could change the rest."
        return FetchError("fetch-redirect", message, hint)
    said = _reason(finished.said)
    hint = next((hint for pattern, hint in _HINTS if re.search(pattern, said)), _ELSE)
    return FetchError("fetch-failed", f"The source `{name}` could not be fetched: {said}", hint)


def _reason(said: str) -> str:
    """Find the line that tells most of what a tool said: its first error, or its last line."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith(("error:", "fatal:")) or _MISSING in line]
    line = (errors or lines[-1:] or ["it did not say why"])[0]
    return line.removeprefix("error:").removeprefix("fatal:").strip()[:_SHOWN_MAX].rstrip(".") + "."
