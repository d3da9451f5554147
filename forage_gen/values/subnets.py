"""The network that the sandboxes get their addresses from."""

import re
from ipaddress import IPv4Address, IPv4Network

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

_RESERVED = 3
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


def _address(text: str) -> IPv4Address | None:
    try:
        return IPv4Address(text)
    except ValueError:
        return None
