"""Ports of the host that lead into a sandbox: `[ADDRESS:]PORT[:PORT INSIDE]`.

    8080        8080:80        192.168.1.5:8080        192.168.1.5:8080:80
                               [::1]:8080              [2001:db8::5]:8080:80

Without an address it is a port of the host's IPv4 loopback. An IPv6 address is in brackets
(RFC 3986, section 3.2.2), as its colons could be those before a port. TCP.
"""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from forage_gen.values.problem import ValueProblem
from forage_gen.values.text import shown

PORT_MAX = 65535
LOOPBACK = IPv4Address("127.0.0.1")

_FORWARD = re.compile(
    r"(?:(?:(?P<ipv4>[0-9]{1,3}(?:\.[0-9]{1,3}){3})|\[(?P<ipv6>[0-9A-Fa-f:.]{1,45})\]):)?"
    r"(?P<outside>[0-9]{1,5})(?::(?P<inside>[0-9]{1,5}))?"
)
_EXAMPLES = "such as `8080`, `8080:80`, `192.168.1.5:8080:80` or `[2001:db8::5]:8080`"


@dataclass(frozen=True, slots=True)
class Forward:
    """A port of the host, and the port in the sandbox to which it leads."""

    address: IPv4Address | IPv6Address
    outside: int
    inside: int

    def __str__(self) -> str:
        """Write it in full."""
        return f"{self.place}:{self.inside}"

    @property
    def place(self) -> str:
        """Where the host listens, as in a URL."""
        is_ipv6 = isinstance(self.address, IPv6Address)
        return f"[{self.address}]:{self.outside}" if is_ipv6 else f"{self.address}:{self.outside}"


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
            hint=f"Write a port of the host, with its address before it and the port inside "
            f"behind it if need be, {_EXAMPLES}.",
        )
    outside = _port(match["outside"])
    inside = _port(match["inside"]) if match["inside"] else outside
    address: IPv4Address | IPv6Address = LOOPBACK
    if match["ipv4"]:
        address = _address(match["ipv4"], IPv4Address)
    elif match["ipv6"]:
        address = _address(match["ipv6"], IPv6Address)
    return Forward(address, outside, inside)


def _port(text: str) -> int:
    if text.startswith("0") or int(text) > PORT_MAX:
        raise ValueProblem(
            code="forward-port",
            message=f"{shown(text)} is not the number of a port.",
            hint=f"Write a number from 1 to {PORT_MAX}, without zeros before it.",
        )
    return int(text)


def _address(text: str, kind: type[IPv4Address | IPv6Address]) -> IPv4Address | IPv6Address:
    try:
        address = kind(text)
    except ValueError:
        address = None
    if address is None or not _is_one(address):
        raise ValueProblem(
            code="forward-address",
            message=f"{shown(text)} is not one address of the host.",
            hint="Write the address at which the host listens, or none for its loopback.",
        )
    return address


def _is_one(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address can be that of one interface, without naming the interface."""
    if address.is_unspecified or address.is_multicast:
        return False
    if isinstance(address, IPv4Address):
        return not address.is_reserved
    # An address of IPv4 has its own notation. Python calls loopback reserved as well.
    return not address.is_link_local and address.ipv4_mapped is None
