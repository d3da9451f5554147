"""The networks that the sandboxes get their addresses from."""

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from forage_gen.values.problem import ValueProblem
from forage_gen.values.text import shown

# What may be used inside without hiding a host of the internet: RFC 1918, and
# RFC 6598, which VPNs use and some providers. Not RFC 2544's 198.18.0.0/15:
# it is for test devices, and Forage's own tests imitate the internet with it.
_ALLOWED = tuple(
    map(IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")),
)
_ALLOWED_SHOWN = "`10.0.0.0/8`, `172.16.0.0/12`, `192.168.0.0/16` or `100.64.0.0/10`"

PREFIX_MIN = 8
"""The shortest prefix: the whole of 10.0.0.0/8."""

PREFIX_MAX = 29
"""The longest prefix: eight addresses, five of them for sandboxes."""

IPV6_PREFIX_MIN = 48
"""The shortest prefix: that of a site (RFC 6177)."""

IPV6_PREFIX_MAX = 112
"""The longest prefix: an address for every sandbox that a host can have numbers for."""

_TRANSLATED = IPv6Network("fd00::/8")  # unique local and chosen at random: RFC 4193
_ROUTED = IPv6Network("2000::/3")  # global unicast: RFC 4291, section 2.4
# In the latter, but no host's: what carries addresses of IPv4 to where nobody has looked
# (Teredo, 6to4), identifiers without a route, and what is for documents.
_NOBODYS = tuple(
    map(IPv6Network, ("2001::/23", "2001:10::/28", "2001:db8::/32", "2002::/16", "3fff::/20"))
)
_IPV6_EXAMPLE = "`fd5c:3a1e:77b0::/64`"

_RESERVED = 3
_IPV6 = re.compile(r"[0-9A-Fa-f:]+")
_IPV6_LENGTH = re.compile(r"0|[1-9][0-9]{0,2}")
_NETWORK = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,3}){3})(?:/(0|[1-9][0-9]?))?")


def sandbox_subnet(text: str) -> IPv4Network:
    """Read the subnet of the sandboxes.

    A private IPv4 network (RFC 1918, RFC 6598) of /8 to /29, written as its
    first address and the length of its prefix.

    Args:
        text: Such as `10.100.0.0/16`.

    Returns:
        The network.

    Raises:
        ValueProblem: It is no network, public, too large, or too small.
    """
    match = _NETWORK.fullmatch(text)
    address = _address(match[1]) if match else None
    if match is None or address is None:
        raise ValueProblem(
            code="subnet-invalid",
            message=f"{shown(text)} is not an IPv4 network.",
            hint="Write a private network, such as `10.100.0.0/16`.",
        )
    if match[2] is None:
        around = IPv4Network((address, 24), strict=False)
        raise ValueProblem(
            code="subnet-no-prefix",
            message=f"{shown(text)} is one address, not a network.",
            hint=f"Write the length of the prefix too, such as `{around}`.",
        )
    prefix = int(match[2])
    if not PREFIX_MIN <= prefix <= PREFIX_MAX:
        size = "large" if prefix < PREFIX_MIN else "small"
        raise ValueProblem(
            code=f"subnet-{size}",
            message=f"{shown(text)} is too {size} for the sandboxes.",
            hint=f"Write a prefix from /{PREFIX_MIN} to /{PREFIX_MAX}, such as `10.100.0.0/16`.",
        )
    network = IPv4Network((address, prefix), strict=False)
    if not any(network.subnet_of(allowed) for allowed in _ALLOWED):
        raise ValueProblem(
            code="subnet-public",
            message=f"{shown(text)} is not in a private network, so it would hide hosts of the"
            " internet.",
            hint=f"Write a part of {_ALLOWED_SHOWN}.",
        )
    if network.network_address != address:
        raise ValueProblem(
            code="subnet-host-bits",
            message=f"{shown(text)} is not the first address of its network.",
            hint=f"Write `{network}`.",
        )
    return network


def subnet_capacity(network: IPv4Network) -> int:
    """Return how many sandboxes a subnet holds.

    All its addresses but the network's, the gateway's (the first) and the
    broadcast's (the last).
    """
    return network.num_addresses - _RESERVED


def sandbox_ipv6_subnet(text: str) -> IPv6Network:
    """Read the IPv6 prefix of the sandboxes.

    A unique local prefix (fd00::/8), which is translated, or a global one, which is
    routed to the host; of /48 to /112, written as its first address and its length.

    Args:
        text: Such as `fd5c:3a1e:77b0::/64`.

    Returns:
        The prefix.

    Raises:
        ValueProblem: It is no prefix, of another kind, too large, or too small.
    """
    first, slash, length = text.partition("/")
    address = _ipv6_address(first)
    if address is None or (slash and not _IPV6_LENGTH.fullmatch(length)):
        raise ValueProblem(
            code="ipv6-subnet-invalid",
            message=f"{shown(text)} is not an IPv6 prefix.",
            hint=f"Write a prefix of your own, such as {_IPV6_EXAMPLE}.",
        )
    if not slash:
        raise ValueProblem(
            code="ipv6-subnet-no-prefix",
            message=f"{shown(text)} is one address, not a prefix.",
            hint=f"Write its length too, such as `{IPv6Network((address, 64), strict=False)}`.",
        )
    prefix = int(length)
    if not IPV6_PREFIX_MIN <= prefix <= IPV6_PREFIX_MAX:
        size = "large" if prefix < IPV6_PREFIX_MIN else "small"
        raise ValueProblem(
            code=f"ipv6-subnet-{size}",
            message=f"{shown(text)} is too {size} for the sandboxes.",
            hint=f"Write a prefix from /{IPV6_PREFIX_MIN} to /{IPV6_PREFIX_MAX}, such as"
            f" {_IPV6_EXAMPLE}.",
        )
    network = IPv6Network((address, prefix), strict=False)
    is_global = network.subnet_of(_ROUTED) and not any(map(network.overlaps, _NOBODYS))
    if not is_translated(network) and not is_global:
        raise ValueProblem(
            code="ipv6-subnet-kind",
            message=f"{shown(text)} is neither a unique local prefix nor a global one.",
            hint=f"Write a part of `fd00::/8` with random digits, such as {_IPV6_EXAMPLE}, or a"
            " prefix that your provider routes to this host.",
        )
    if network.network_address != address:
        raise ValueProblem(
            code="ipv6-subnet-host-bits",
            message=f"{shown(text)} is not the first address of its prefix.",
            hint=f"Write `{network}`.",
        )
    return network


def is_translated(network: IPv6Network) -> bool:
    """Return whether a prefix is unique local, so that no answer finds its way to it."""
    return network.subnet_of(_TRANSLATED)


def _ipv6_address(text: str) -> IPv6Address | None:
    if not _IPV6.fullmatch(text):
        return None
    try:
        return IPv6Address(text)
    except ValueError:
        return None


def _address(text: str) -> IPv4Address | None:
    try:
        return IPv4Address(text)
    except ValueError:
        return None
