r"""nginx's configuration.

The rules are those of ``ngx_conf_read_token`` in core/ngx_conf_file.c, and of the modules
whose directives take the value. Everything that a person wrote and that ends up here is a
host name, a path, a header or the name of a secret, so there is no general string: what is none
of these is refused.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from forage_gen.quote.token import Token

if TYPE_CHECKING:
    from collections.abc import Iterable
    from ipaddress import IPv4Address, IPv6Address

_NAME_MAX = 253
_PORT_MAX = 2**16 - 1
_HTTPS = 443
_LABEL = r"(?!-)[a-z0-9_-]{1,63}(?<!-)"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_PATH = re.compile(r"(?:/[A-Za-z0-9@_.-]+)+")
_URI = re.compile(r"(?:/[A-Za-z0-9._~-]+)*")
_PATTERN = re.compile(r"/[A-Za-z0-9._~:@=,+*/-]*")
_PATTERN_PART = re.compile(r"\*\*|\*|[^*]+")
_METHOD = re.compile(r"[A-Z]{2,16}")
_HEADER = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}")
_SCHEME = re.compile(r"[A-Za-z0-9-]+")
_SECRET = re.compile(r"[A-Za-z0-9_.-]+")
_VARIABLE = re.compile(r"[a-z][a-z0-9_]*")
_WORD = re.compile(r"[a-z0-9][a-z0-9_-]*")

# One or more labels, each followed by a dot. What matches holds no character with which an
# address of nginx's could be something else than a name (`unix:`, `[`, `:`, `/`, `$`).
_BELOW = r"~*^(?:[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?\.)+"


class NginxToken(Token):
    """A part of nginx's configuration."""

    __slots__ = ()
    language = "nginx"


def domain(name: str) -> NginxToken:
    """Write a host name: the key of a ``map`` with ``hostnames``, or what to connect to.

    Args:
        name: The name in its ASCII form (after IDNA), in lower case, without a
            dot at the end: labels of letters, digits, ``-`` and ``_``.

    Returns:
        The name in double quotes.

    Raises:
        Unquotable: The name is not of that form.

    Source: ngx_http_map_module, ngx_stream_map_module: a name that begins with ``*.`` or
    ``.`` is a mask and one with ``~`` an expression, and ``default``, ``hostnames``,
    ``include`` and ``volatile`` are parameters. Those have no dot, so a name must have one.
    """
    return NginxToken(f'"{_checked(name)}"')


def authority(name: str, port: int) -> NginxToken:
    """Write a host name and a port to connect to.

    Args:
        name: The name, as for :func:`domain`.
        port: The port.

    Returns:
        ``"name:port"``.

    Raises:
        Unquotable: The name or the port is none.
    """
    return NginxToken(f'"{_checked(name)}:{_number(port)}"')


def origin(name: str, port: int) -> NginxToken:
    """Write a host and a port as a URI of ``https`` and its ``Host`` have them.

    Args:
        name: The name, as for :func:`domain`.
        port: The port. That of ``https`` itself is left out (RFC 9110, section 4.2.2).

    Returns:
        The name or ``name:port``, without quotes, so that it can be a part of a word.

    Raises:
        Unquotable: The name or the port is none.
    """
    host, number = _checked(name), _number(port)
    return NginxToken(host if port == _HTTPS else f"{host}:{number}")


def below(name: str) -> NginxToken:
    """Write the expression for all names below a domain, but not for itself.

    Args:
        name: The domain, as for :func:`domain`.

    Returns:
        A regular expression in double quotes, for the key of a ``map``.

    Raises:
        Unquotable: :func:`domain` refuses the name.

    Source: ngx_stream_map_module, "Regular expressions". Within quotes nginx leaves a
    backslash before a dot as it is.
    """
    escaped = _checked(name).replace(".", r"\.")
    return NginxToken(f'"{_BELOW}{escaped}$"')


def port(number: int) -> NginxToken:
    """Write a port number.

    Args:
        number: The number.

    Returns:
        Its digits.

    Raises:
        Unquotable: No port has that number.
    """
    return NginxToken(_number(number))


def integer(value: int) -> NginxToken:
    """Write a number, such as a rate or a count.

    Args:
        value: The number.

    Returns:
        Its digits.

    Raises:
        Unquotable: It is negative, or more than nginx counts to on every machine.

    Source: ``ngx_atoi`` in core/ngx_string.c.
    """
    if not 0 <= value < 2**31:
        NginxToken.refuse(value, "a number is 0 to 2147483647")
    return NginxToken(f"{value:d}")


def address(ip: IPv4Address | IPv6Address) -> NginxToken:
    """Write an address, as ``$remote_addr`` has it.

    Args:
        ip: The address.

    Returns:
        Its usual form.
    """
    return NginxToken(str(ip))


def path(name: str) -> NginxToken:
    """Write an absolute path that Forage made itself.

    Args:
        name: The path: letters, digits, ``@ _ . -`` and slashes.

    Returns:
        The path, without quotes, so that it can be a part of a word.

    Raises:
        Unquotable: The path is not of that form.
    """
    if not _PATH.fullmatch(name):
        NginxToken.refuse(name, "a path here is letters, digits, @, _, ., - and slashes")
    return NginxToken(name)


def word(name: str) -> NginxToken:
    """Write the name of a template.

    Args:
        name: Letters of lower case, digits and ``-``.

    Returns:
        The name.

    Raises:
        Unquotable: It is not of that form.
    """
    if not _WORD.fullmatch(name):
        NginxToken.refuse(name, "a word here is lower-case letters, digits and -")
    return NginxToken(name)


def uri(prefix: str) -> NginxToken:
    """Write a path of a URI, or nothing, that a location or a rewrite begins with.

    Args:
        prefix: Parts of letters, digits and ``._~-``, each after a slash.

    Returns:
        The path, without quotes, so that it can be a part of a word.

    Raises:
        Unquotable: It is not of that form, or a part is ``.`` or ``..``.
    """
    if not _URI.fullmatch(prefix) or {".", ".."} & set(prefix.split("/")):
        NginxToken.refuse(prefix, "a path of a URI here is letters, digits, ._~- and slashes")
    return NginxToken(prefix)


def request(methods: Iterable[str], before: str, pattern: str) -> NginxToken:
    r"""Write the expression for what may be asked: the key of a ``map`` of method and path.

    Args:
        methods: The methods, in capitals.
        before: What stands before the pattern, as for :func:`uri`.
        pattern: A path. ``*`` stands for any characters but ``/``, ``**`` for any but a
            newline.

    Returns:
        A regular expression in double quotes. It ends with ``\z``, as ``$`` would let a
        decoded newline follow.

    Raises:
        Unquotable: A method, the path before or the pattern is none.

    Source: ngx_http_map_module; pcre2pattern(3). Within quotes nginx leaves a backslash before
    ``.``, ``+`` and ``z`` as it is.
    """
    names = list(methods)
    for name in names:
        if not _METHOD.fullmatch(name):
            NginxToken.refuse(name, "a method is capital letters")
    if not _PATTERN.fullmatch(pattern):
        NginxToken.refuse(pattern, "a pattern here is letters, digits, ._~:@=,+*- and slashes")
    wild = {"*": "[^/]+", "**": ".+"}
    parts = (wild.get(part) or _literal(part) for part in _PATTERN_PART.findall(pattern))
    return NginxToken(f'"~^(?:{"|".join(names)}) {_literal(uri(before))}{"".join(parts)}\\z"')


def _literal(text: str) -> str:
    return re.sub(r"[.+]", r"\\\g<0>", text)


def header(name: str) -> NginxToken:
    """Write the name of a header.

    Args:
        name: Letters, digits and ``-``.

    Returns:
        The name.

    Raises:
        Unquotable: It is not of that form.
    """
    if not _HEADER.fullmatch(name):
        NginxToken.refuse(name, "a header here is letters, digits and -")
    return NginxToken(name)


def scheme(name: str) -> NginxToken:
    """Write the word before a key in a header, such as ``Bearer``.

    Args:
        name: Letters, digits and ``-``.

    Returns:
        The word.

    Raises:
        Unquotable: It is not of that form.
    """
    if not _SCHEME.fullmatch(name):
        NginxToken.refuse(name, "a scheme here is letters, digits and -")
    return NginxToken(name)


def secret(name: str) -> NginxToken:
    """Write the name of a secret, for a person to read.

    Args:
        name: Letters, digits and ``_.-``.

    Returns:
        The name, without quotes, so that it can be a part of a text.

    Raises:
        Unquotable: It is not of that form.
    """
    if not _SECRET.fullmatch(name):
        NginxToken.refuse(name, "a secret's name is letters, digits, _, . and -")
    return NginxToken(name)


def variable(name: str) -> NginxToken:
    """Write a variable that Forage made itself.

    Args:
        name: Small letters, digits and ``_``: nginx takes capital letters for small ones.

    Returns:
        The variable, with its ``$``.

    Raises:
        Unquotable: It is not of that form.

    Source: ``ngx_http_add_variable`` in http/ngx_http_variables.c.
    """
    if not _VARIABLE.fullmatch(name):
        NginxToken.refuse(name, "a variable here is small letters, digits and _")
    return NginxToken(f"${name}")


def _checked(name: str) -> str:
    if not _DOMAIN.fullmatch(name) or "." not in name:
        NginxToken.refuse(name, "a name is labels of a-z, 0-9, - and _, joined by dots")
    if len(name) > _NAME_MAX:
        NginxToken.refuse(name, f"a name has at most {_NAME_MAX} characters")
    return name


def _number(port: int) -> str:
    if not 1 <= port <= _PORT_MAX:
        NginxToken.refuse(port, f"ports are 1 to {_PORT_MAX}")
    return f"{port:d}"
