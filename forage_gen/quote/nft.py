"""nftables rulesets.

The rules are those of nft(8), "Lexical conventions", of nft's lexer, and of the
kernel for the names of network interfaces.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from forage_gen.quote.token import Token

if TYPE_CHECKING:
    from collections.abc import Iterable
    from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

_WIDTH = 100
_COMMENT_MAX = 128
_LOG_PREFIX_MAX = 127
_INTERFACE_MAX = 15
_IDENTIFIER_MAX = 255
_PORT_MAX = 2**16 - 1
_UINT32_MAX = 2**32 - 1
_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
_INTERFACE = re.compile(r"[!-~]+")

KEYWORDS = frozenset(
    """
    accept add ah all and arp auto-merge bridge cgroup chain comment comp constant continue
    counter cpu create ct day dccp define delete describe destroy device devices dnat drop dst
    dup dynamic ecn element elements eq esp ether exists expires export exthdr fib flags flow
    flowtable flush frag fwd gc-interval ge geneve get goto gre gretap gt handle hbh hook hour
    ibriport ibrname icmp icmpv6 igmp iif iifgroup iifname iiftype import include index inet
    insert interval ip ip6 ipsec jhash jump le limit list ll log lshift lt map mark masquerade
    meta meter mh missing monitor ne netdev nftrace nh not notrack numgen obriport obrname
    offload oif oifgroup oifname oiftype or osf pkttype policy position priority queue quota
    random redefine redirect reject rename replace reset return rshift rt rt0 rt2 rtclassid rule
    ruleset sctp secmark set size skgid skuid snat socket srh symhash synproxy table tcp th time
    timeout tproxy type typeof udp udplite undefine update vlan vmap vni vxlan xor xt
    """.split(),  # noqa: SIM905 - as text these take a dozen lines, not 161
)
"""The words that nft 1.0.6 or 1.1.3 does not take for the name of a table, a
chain, a set and a map alike: found by loading each word of its manual and of
its library as such a name."""


class NftToken(Token):
    """A part of an nftables ruleset."""

    __slots__ = ()
    language = "nftables"


def string(text: str) -> NftToken:
    """Write a string in double quotes.

    Args:
        text: The string's value.

    Returns:
        The literal.

    Raises:
        Unquotable: The text has a NUL character, a lone surrogate, or a double
            quote: nft has no escape for it.

    Source: ``quotedstring`` in nft's scanner.l. A backslash stands for itself.
    """
    NftToken.utf8(text)
    if '"' in text:
        NftToken.refuse(text, "there is no way to write a double quote in a string")
    return NftToken(f'"{text}"')


def comment(text: str) -> NftToken:
    """Write the string after ``comment``, which the kernel keeps with a rule.

    Args:
        text: What the comment says.

    Returns:
        The literal.

    Raises:
        Unquotable: :func:`string` refuses the text, or it has more than 128
            bytes, which nft refuses.

    Source: nft(8), "Rules"; ``NFTNL_UDATA_COMMENT_MAXLEN`` in libnftnl.
    """
    literal = string(text)
    if len(NftToken.utf8(text)) > _COMMENT_MAX:
        NftToken.refuse(text, f"a comment has at most {_COMMENT_MAX} bytes")
    return literal


def log_prefix(text: str) -> NftToken:
    """Write what the kernel puts before a logged packet.

    Args:
        text: The prefix.

    Returns:
        The literal.

    Raises:
        Unquotable: :func:`string` refuses the text; it has a dollar sign, which
            starts a variable here and in no other string; it is empty, or has
            more than 127 bytes.

    Source: nft(8), "Log statement"; ``NF_LOG_PREFIXLEN`` in Linux.
    """
    literal = string(text)
    if "$" in text:
        NftToken.refuse(text, "a dollar sign starts a variable")
    if not 1 <= len(NftToken.utf8(text)) <= _LOG_PREFIX_MAX:
        NftToken.refuse(text, f"the prefix of a log line has 1 to {_LOG_PREFIX_MAX} bytes")
    return literal


def line_comment(text: str) -> NftToken:
    """Write a comment of one line for the reader of the file.

    Args:
        text: What it says.

    Returns:
        ``# text``.

    Raises:
        Unquotable: The text is not one line of visible characters.

    Source: nft(8), "Lexical conventions".
    """
    return NftToken.comment_line(text)


def interface(name: str) -> NftToken:
    """Write the name of one network interface.

    Args:
        name: The name: at most 15 visible ASCII characters, none of them ``/``,
            ``:``, ``%``, ``"``, ``*`` or a backslash.

    Returns:
        The literal, in double quotes.

    Raises:
        Unquotable: The kernel has no interface of that name, or nft would read
            a pattern: ``*`` at the end matches any interface that starts so,
            and a backslash escapes it. Some bytes past ASCII are refused too:
            the kernel takes most, but systemd takes none.

    Source: ``dev_valid_name`` in Linux's net/core/dev.c; nft(8), "iifname".
    """
    if not _INTERFACE.fullmatch(name):
        NftToken.refuse(name, "the name of an interface is visible ASCII")
    if name in {".", "..", "all", "default"}:
        NftToken.refuse(name, "the kernel keeps that name for itself")
    if set(name) & set('/:%"*\\'):
        NftToken.refuse(name, 'the name of an interface has none of / : % " * \\')
    if len(name) > _INTERFACE_MAX:
        NftToken.refuse(name, f"the name of an interface has at most {_INTERFACE_MAX} bytes")
    return string(name)


def identifier(name: str) -> NftToken:
    """Write the name of a table, chain, set or map.

    Args:
        name: A letter, then letters, digits, ``_``, ``.`` and ``-``; at most
            255 characters.

    Returns:
        The name. nft has no way to quote one.

    Raises:
        Unquotable: The name is not of that form, or nft reads it as a keyword.

    Source: ``string`` in nft's scanner.l; ``NFT_NAME_MAXLEN`` in Linux.
    """
    if not _IDENTIFIER.fullmatch(name):
        NftToken.refuse(name, "a name is a letter, then letters, digits, _, . and -")
    if len(name) > _IDENTIFIER_MAX:
        NftToken.refuse(name, f"a name has at most {_IDENTIFIER_MAX} characters")
    if name in KEYWORDS:
        NftToken.refuse(name, "it is a keyword")
    return NftToken(name)


def ipv4(address: IPv4Address) -> NftToken:
    """Write an IPv4 address.

    Args:
        address: The address.

    Returns:
        It in dotted decimal.

    Source: nft(8), "IPv4 address type".
    """
    return NftToken(str(address))


def ipv6(address: IPv6Address) -> NftToken:
    """Write an IPv6 address.

    Args:
        address: The address, without a zone.

    Returns:
        It as RFC 5952 writes it.

    Raises:
        Unquotable: The address has a zone, which a packet does not.

    Source: nft(8), "IPv6 address type".
    """
    if address.scope_id is not None:
        NftToken.refuse(str(address), "an address in a rule has no zone")
    return NftToken(str(address))


def mac(address: str) -> NftToken:
    """Write a hardware address of Ethernet.

    Args:
        address: Six bytes in lower-case hexadecimal, with colons between them.

    Returns:
        The address.

    Raises:
        Unquotable: The address is not of that form.

    Source: nft(8), "Link layer address type".
    """
    if not _MAC.fullmatch(address):
        NftToken.refuse(address, "a hardware address is six bytes as in 02:66:0a:64:00:02")
    return NftToken(address)


def prefix(network: IPv4Network | IPv6Network) -> NftToken:
    """Write a network.

    Args:
        network: The network.

    Returns:
        Its address, a slash and the length of its prefix.

    Source: nft(8), "Prefix".
    """
    return NftToken(f"{network.network_address}/{network.prefixlen}")


def port(number: int) -> NftToken:
    """Write a port number.

    Args:
        number: The number.

    Returns:
        Its digits.

    Raises:
        Unquotable: No port has that number.

    Source: RFC 9293, section 3.1; RFC 6335, section 6 reserves port 0.
    """
    if not 1 <= number <= _PORT_MAX:
        NftToken.refuse(number, f"ports are 1 to {_PORT_MAX}")
    return NftToken(f"{number:d}")


def integer(value: int) -> NftToken:
    """Write a number, such as a packet mark or a user id.

    Args:
        value: The number.

    Returns:
        Its digits.

    Raises:
        Unquotable: It does not fit 32 bits, unsigned.

    Source: nft(8), "Integer type", "Packet mark type".
    """
    if not 0 <= value <= _UINT32_MAX:
        NftToken.refuse(value, f"numbers are 0 to {_UINT32_MAX}")
    return NftToken(f"{value:d}")


def elements(items: Iterable[NftToken], indent: int = 0, lead: int = 0) -> NftToken:
    """Write the elements of a set or a map.

    Args:
        items: The elements.
        indent: The indentation of the line on which the braces open.
        lead: How many characters of that line come before the braces, besides
            the indentation.

    Returns:
        ``{ a, b }`` where it fits the line, else one element a line.

    Raises:
        Unquotable: There is no element. nft has no empty braces: leave the line
            out.
        TypeError: An item is no :class:`NftToken`.

    Source: nft(8), "Sets".
    """
    parts = list(items)
    if not parts:
        NftToken.refuse(parts, "braces hold at least one element")
    row = NftToken.joined(", ", parts)
    single = NftToken(f"{{ {row} }}")
    if "\n" not in single and indent + lead + len(single) <= _WIDTH:
        return single
    margin = " " * (indent + 4)
    body = NftToken.joined(f",\n{margin}", parts)
    return NftToken(f"{{\n{margin}{body},\n{' ' * indent}}}")
