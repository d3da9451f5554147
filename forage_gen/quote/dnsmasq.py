r"""dnsmasq's configuration.

The rules are those of dnsmasq(8) and of ``read_file`` and ``one_opt`` in its
option.c. dnsmasq reads a line into a buffer of 1025 bytes (``MAXDNAME``) and
takes what does not fit for the next line, without a word. Every token here is
short enough for a line of its own.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from forage_gen.quote.token import Token

if TYPE_CHECKING:
    from collections.abc import Iterable
    from ipaddress import IPv4Address, IPv6Address

_LINE_MAX = 1000
_NAME_MAX = 253
_PORT_MAX = 2**16 - 1
_LABEL = r"(?!-)[a-z0-9_-]{1,63}(?<!-)"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SET_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")


class DnsmasqToken(Token):
    """A part of dnsmasq's configuration."""

    __slots__ = ()
    language = "dnsmasq"


def domain(name: str) -> DnsmasqToken:
    """Write a domain name.

    dnsmasq takes a domain in ``server=``, ``address=`` and ``nftset=`` for the
    name itself and all names below it.

    Args:
        name: The name in its ASCII form (after IDNA), in lower case, without a
            dot at the end: labels of letters, digits, ``-`` and ``_``.

    Returns:
        The name.

    Raises:
        Unquotable: The name is not of that form.

    Source: RFC 1034, section 3.5; RFC 952 and RFC 1123, section 2.1; RFC 8552
    for the underscore. dnsmasq passes other names through libidn2, which
    changes them.
    """
    if not _DOMAIN.fullmatch(name):
        DnsmasqToken.refuse(name, "a domain is labels of a-z, 0-9, - and _, joined by dots")
    if len(name) > _NAME_MAX:
        DnsmasqToken.refuse(name, f"a domain has at most {_NAME_MAX} characters")
    return DnsmasqToken(name)


def below(name: str) -> DnsmasqToken:
    """Write the pattern for all names below a domain, but not for itself.

    Args:
        name: The domain, as for :func:`domain`.

    Returns:
        ``*.name``, for ``server=`` and ``address=``; ``nftset=`` has no such
        pattern.

    Raises:
        Unquotable: :func:`domain` refuses the name.

    Source: dnsmasq(8), ``--server``.
    """
    return DnsmasqToken(f"*.{domain(name)}")


def address(ip: IPv4Address | IPv6Address) -> DnsmasqToken:
    """Write an IP address.

    Args:
        ip: The address, without a zone.

    Returns:
        Its usual form.

    Raises:
        Unquotable: The address has a zone.

    Source: inet_pton(3), which dnsmasq reads addresses with.
    """
    text = str(ip)
    if "%" in text:
        DnsmasqToken.refuse(text, "an address has no zone here")
    return DnsmasqToken(text)


def port(number: int) -> DnsmasqToken:
    """Write a port number.

    Args:
        number: The number.

    Returns:
        Its digits.

    Raises:
        Unquotable: No port has that number. ``port=0`` would turn DNS off.

    Source: dnsmasq(8), ``--port``.
    """
    if not 1 <= number <= _PORT_MAX:
        DnsmasqToken.refuse(number, f"ports are 1 to {_PORT_MAX}")
    return DnsmasqToken(f"{number:d}")


def integer(value: int) -> DnsmasqToken:
    """Write a number, such as a cache size or a time to live.

    Args:
        value: The number.

    Returns:
        Its digits.

    Raises:
        Unquotable: It is negative, or too big for a C int.

    Source: ``atoi_check`` in option.c.
    """
    if not 0 <= value < 2**31:
        DnsmasqToken.refuse(value, "numbers are 0 to 2147483647")
    return DnsmasqToken(f"{value:d}")


def path(name: str) -> DnsmasqToken:
    """Write the absolute path of a file.

    Args:
        name: The path.

    Returns:
        The path in double quotes.

    Raises:
        Unquotable: The path is not absolute, holds a NUL or another control
            character (dnsmasq keeps codes of its own in their place), a lone
            surrogate, or does not fit a line.

    Source: ``read_file`` and ``hide_meta`` in option.c.
    """
    if len(DnsmasqToken.utf8(name)) > _LINE_MAX:
        DnsmasqToken.refuse(name, f"what does not fit a line of {_LINE_MAX} bytes is cut")
    if not name.startswith("/"):
        DnsmasqToken.refuse(name, "the path is not absolute")
    if _CONTROL.search(name):
        DnsmasqToken.refuse(name, "dnsmasq changes control characters")
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    if len(escaped.encode()) > _LINE_MAX:
        DnsmasqToken.refuse(name, f"what does not fit a line of {_LINE_MAX} bytes is cut")
    return DnsmasqToken(f'"{escaped}"')


def nftset(name: str, table: str, sets: Iterable[tuple[Literal[4, 6], str]]) -> DnsmasqToken:
    """Write which nftables sets get the addresses of a domain.

    Args:
        name: The domain, as for :func:`domain`. Names below it count too.
        table: The sets' table, in the family ``inet``.
        sets: The sets, each with the version of IP whose addresses it gets. A second line
            for the same domain would have no effect.

    Returns:
        The value of ``nftset=``.

    Raises:
        Unquotable: The domain or a name is not of the form that dnsmasq can
            read here: it splits at ``/``, ``,`` and ``#``.

    Source: dnsmasq(8), ``--nftset``.
    """
    sets = list(sets)
    for part in (table, *(name for _, name in sets)):
        if not _SET_NAME.fullmatch(part):
            DnsmasqToken.refuse(part, "a name is a letter, then letters, digits, _, . and -")
    into = ",".join(f"{family}#inet#{table}#{set_name}" for family, set_name in sets)
    token = DnsmasqToken(f"/{domain(name)}/{into}")
    if len(token) > _LINE_MAX:
        DnsmasqToken.refuse(token, f"what does not fit a line of {_LINE_MAX} bytes is cut")
    return token


def comment(text: str) -> DnsmasqToken:
    """Write a comment of one line.

    Args:
        text: What it says.

    Returns:
        ``# text``.

    Raises:
        Unquotable: The text is not one line of visible characters, or does not
            fit one: dnsmasq would take the rest for an option.

    Source: ``read_file`` in option.c.
    """
    return DnsmasqToken.comment_line(text, limit=_LINE_MAX)
