"""Ports of the host that lead into a sandbox: `[ADDRESS:]PORT[:PORT INSIDE]`.

    8080        8080:80        192.168.1.5:8080        192.168.1.5:8080:80

Without an address it is a port of the host's loopback. TCP.
"""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address

from forage_gen.values.problem import ValueProblem
from forage_gen.values.text import shown

PORT_MAX = 65535
LOOPBACK = IPv4Address("127.0.0.1")

_FORWARD = re.compile(
    r"(?:(?P<address>[0-9]{1,3}(?:\.[0-9]{1,3}){3}):)?(?P<outside>[0-9]{1,5})(?::(?P<inside>[0-9]{1,5}))?"
)
_EXAMPLES = "such as `8080`, `8080:80` or `192.168.1.5:8080:80`"


@dataclass(frozen=True, slots=True)
class Forward:
    """A port of the host, and the port in the sandbox to which it leads."""

    address: IPv4Address
    outside: int
    inside: int

    def __str__(self) -> str:
        """Write it in full."""
        return f"{self.address}:{self.outside}:{self.inside}"


def forward(text: str) -> Forward:
    """Read a forwarded port.

    Args:
        text: Such as `8080:80`.

    Returns:
        The ports, and the host's address, which is loopback where none is written.

    Raises:
        ValueProblem: It is not of that form, or names no single address or port.
    """
    match = _FORWARD.fullmatch(text)
    if match is None:
        raise ValueProblem(
            code="forward-invalid",
            message=f"{shown(text)} is not a port to forward.",
            hint=f"Write a port of the host, with its IPv4 address before it and the port inside "
            f"behind it if need be, {_EXAMPLES}.",
        )
    outside = _port(match["outside"])
    inside = _port(match["inside"]) if match["inside"] else outside
    return Forward(_address(match["address"]) if match["address"] else LOOPBACK, outside, inside)


def _port(text: str) -> int:
    if text.startswith("0") or int(text) > PORT_MAX:
        raise ValueProblem(
            code="forward-port",
            message=f"{shown(text)} is not the number of a port.",
            hint=f"Write a number from 1 to {PORT_MAX}, without zeros before it.",
        )
    return int(text)


def _address(text: str) -> IPv4Address:
    try:
        address = IPv4Address(text)
    except ValueError:
        address = None
    if address is None or address.is_unspecified or address.is_multicast or address.is_reserved:
        raise ValueProblem(
            code="forward-address",
            message=f"{shown(text)} is not one address of the host.",
            hint="Write the address at which the host listens, or none for its loopback.",
        )
    return address
