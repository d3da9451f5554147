"""APIs that the proxy on the host asks with a key: where they are, and what may be asked of them.

What an agent's request is compared with is the path as nginx has it after decoding, so a
pattern is written in plain characters, and the proxy refuses what could be read in two ways.
"""

import re
from dataclasses import dataclass
from typing import NewType
from urllib.parse import urlsplit

from forage_gen.values.hosts import NameHost, allowed_host
from forage_gen.values.problem import ValueProblem
from forage_gen.values.text import shown

TLS_PORT = 443
URL_PLACE = "{url}"
"""What stands in a variable's value for the address at which a sandbox finds the proxy."""

_PREFIX = re.compile(r"(?:/[A-Za-z0-9._~-]+)*")
PATH_MAX = 500
"""Characters of a path. nginx takes no word of its configuration that is longer than 4,000."""
_DOTS = re.compile(r"(?:^|/)\.{1,2}(?:/|$)")
_PATTERN = re.compile(r"(?:/(?:[A-Za-z0-9._~:@=,+-]|\*(?!\*))+)*(?:/\*\*|/)?")
_METHOD = re.compile(r"[A-Z]{2,16}")
_NOT_METHODS = frozenset({"CONNECT", "TRACE"})
_HEADER = re.compile(
    r"(?P<name>[A-Za-z0-9][A-Za-z0-9-]{0,63})(?::\x20?(?P<scheme>[A-Za-z0-9-]{1,64}))?"
)
_VALUE = re.compile(r"[\x20-\x7e]{1,1000}")

# What says where a message ends, or whom it is for (RFC 9110, RFC 9112).
_NO_KEYS = frozenset(
    {
        *("connection", "content-length", "expect", "host", "keep-alive", "te", "trailer"),
        *("transfer-encoding", "upgrade", "proxy-connection", "content-type", "accept-encoding"),
    }
)

_SIZE = re.compile(r"(?P<number>[1-9][0-9]{0,8})(?P<suffix>[KMG])")
_FACTORS = {"K": 1024, "M": 1024**2, "G": 1024**3}
SIZE_MAX = 1024**4

ApiPath = NewType("ApiPath", str)
Method = NewType("Method", str)
ApiVariable = NewType("ApiVariable", str)


@dataclass(frozen=True, slots=True)
class ByteSize:
    """A number of bytes, and how it was written."""

    text: str
    size: int


@dataclass(frozen=True, slots=True)
class ApiUrl:
    """Where an API is: `https://HOST:PORT` and the path before all of its paths."""

    host: str
    port: int
    prefix: str

    def __str__(self) -> str:
        """Write it as people do."""
        port = "" if self.port == TLS_PORT else f":{self.port}"
        return f"https://{self.host}{port}{self.prefix}"


@dataclass(frozen=True, slots=True)
class ApiHeader:
    """The header that holds the key, and the word before it, such as `Bearer`."""

    name: str
    scheme: str | None

    def __str__(self) -> str:
        """Write it as in a project."""
        return f"{self.name}: {self.scheme}" if self.scheme else self.name


def api_url(text: str) -> ApiUrl:
    """Read where an API is.

    Args:
        text: `https://`, a host name, and perhaps a port and a path.

    Returns:
        The host in its ASCII form, the port, and the path without a slash at its end.

    Raises:
        ValueProblem: It is something else; or would carry the key in clear text.
    """
    # It would leave out what is no printable character, wherever that stands.
    if not text.isprintable() or text != text.strip():
        raise _no_url(text)
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        raise _no_url(text) from None
    if url.scheme == "http":
        right = api_url(f"https{text[len('http') :]}")
        raise ValueProblem(
            code="api-in-clear",
            message=f"{shown(text)} would carry the key in clear text.",
            hint=f"Write {shown(str(right))}: the proxy checks the server's certificate.",
        )
    if url.scheme != "https" or not url.hostname or url.username is not None:
        raise _no_url(text)
    path = url.path.rstrip("/")
    has_more = url.query or url.fragment or "?" in text or "#" in text
    is_plain = len(path) <= PATH_MAX and _PREFIX.fullmatch(path) and not _DOTS.search(path)
    if has_more or not is_plain:
        raise ValueProblem(
            code="api-url-path",
            message=f"{shown(text)} has more than a host and a plain path.",
            hint="Write the path that all requests begin with, such as"
            " `https://example.org/api/v3`, and the rest in `paths`.",
        )
    host = allowed_host(url.hostname)
    if not isinstance(host, NameHost) or host.wildcard:
        raise ValueProblem(
            code="api-url-host",
            message=f"{shown(text)} names no single host by its name.",
            hint="Write the name that is in the server's certificate: `https://api.example.org`.",
        )
    return ApiUrl(host.name, TLS_PORT if port is None else _port(port, text), path)


def _port(port: int, text: str) -> int:
    if port == 0:
        raise _no_url(text)
    return port


def _no_url(text: str) -> ValueProblem:
    return ValueProblem(
        code="api-url-invalid",
        message=f"{shown(text)} is not the address of an API.",
        hint="Write `https://`, the host's name and perhaps a port and a path, such as"
        " `https://api.example.org`.",
    )


def api_header(text: str) -> ApiHeader:
    """Read in which header a key goes to an API.

    Args:
        text: A header's name (RFC 9110, section 5.1), or `NAME: SCHEME`.

    Returns:
        The name, and the scheme if there is one.

    Raises:
        ValueProblem: It is no header, or one that a key cannot be in.
    """
    match = _HEADER.fullmatch(text)
    if match is None:
        raise ValueProblem(
            code="api-header-invalid",
            message=f"{shown(text)} is not a header, with or without a word before the key.",
            hint="Write for example `x-api-key`, or `Authorization: Bearer`.",
        )
    if match["name"].lower() in _NO_KEYS:
        raise ValueProblem(
            code="api-header-reserved",
            message=f"{shown(match['name'])} holds no key: it says how a message is read.",
            hint="Write the header that the API documents, such as `Authorization: Bearer`.",
        )
    return ApiHeader(match["name"], match["scheme"])


def api_path(text: str) -> ApiPath:
    """Check the pattern of paths that may be asked for.

    Args:
        text: A path. `*` stands for any characters but `/`, and `/**` at the end for
            everything below.

    Returns:
        The pattern, unchanged.

    Raises:
        ValueProblem: It is no path, not in plain characters, or longer than 500.
    """
    is_plain = len(text) <= PATH_MAX and _PATTERN.fullmatch(text) and not _DOTS.search(text)
    if not text.startswith("/") or not is_plain:
        raise ValueProblem(
            code="api-path-invalid",
            message=f"{shown(text)} is no pattern of paths.",
            hint="Begin with `/`, write letters, digits and `._~:@=,+-` as they are, `*` for any"
            " characters but `/`, and `/**` at the end for all below: `/repos/acme/website/**`.",
        )
    return ApiPath(text)


def method(text: str) -> Method:
    """Check the name of a method of HTTP (RFC 9110, section 9).

    Args:
        text: Such as `GET`.

    Returns:
        The name, unchanged.

    Raises:
        ValueProblem: It is none, or one that asks for something else than an API's answer.
    """
    if not _METHOD.fullmatch(text) or text in _NOT_METHODS:
        upper = text.upper()
        known = text.isascii() and _METHOD.fullmatch(upper) and upper not in _NOT_METHODS
        raise ValueProblem(
            code="api-method-invalid",
            message=f"{shown(text)} is no method that can be allowed.",
            hint=f"Write `{upper}`." if known else "Write a method such as `GET` or `POST`.",
        )
    return Method(text)


def api_variable(text: str) -> ApiVariable:
    """Check the value of a variable that tells programs inside of an API.

    Args:
        text: Printable ASCII, in which `{url}` stands for where the proxy is.

    Returns:
        The value, unchanged.

    Raises:
        ValueProblem: It is empty, has other characters, or is longer than 1,000.
    """
    if not _VALUE.fullmatch(text):
        raise ValueProblem(
            code="api-variable-invalid",
            message=f"{shown(text)} is not one line of printable ASCII.",
            hint=f'Write for example `"{URL_PLACE}"`, which stands for where the proxy is.',
        )
    return ApiVariable(text)


def byte_size(text: str) -> ByteSize:
    """Read how large a request or a log may be.

    Args:
        text: A whole number and one of the suffixes K, M, G, to the base of 1024.

    Returns:
        The size.

    Raises:
        ValueProblem: It is no size, or more than 1,024G.
    """
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ValueProblem(
            code="byte-size-invalid",
            message=f"{shown(text)} is not a size.",
            hint="Write a whole number with one of the suffixes K, M, G, such as `32M`.",
        )
    size = int(match["number"]) * _FACTORS[match["suffix"]]
    if size > SIZE_MAX:
        raise ValueProblem(
            code="byte-size-large",
            message=f"{shown(text)} is more than anybody keeps here.",
            hint="Write a size such as `32M`.",
        )
    return ByteSize(text, size)


def log_size(text: str) -> ByteSize:
    """Read how much of a log is kept.

    Args:
        text: As for :func:`byte_size`, but of a megabyte at least: M or G.

    Returns:
        The size.

    Raises:
        ValueProblem: It is no size, is given in K, or is more than 1,024G.
    """
    size = byte_size(text)
    if text.endswith("K"):
        raise ValueProblem(
            code="log-size-small",
            message=f"{shown(text)} is less than a log can go by.",
            hint="Write a whole number with one of the suffixes M, G, such as `200M`.",
        )
    return size
