"""Frames that a sandbox's own kernel would not send.

They are sent by the host's root in the sandbox's network namespace: nobody inside may open
such a socket, so this attacker is stronger than any there.
"""

from __future__ import annotations

import struct
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.host.activate import Activated

UDP, TCP, ICMP = 17, 6, 1
IPV4, ARP, IPV6 = 0x0800, 0x0806, 0x86DD

_SEND = """
import socket, sys
link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
link.bind(("host0", 0))
for frame in sys.argv[1:]:
    link.send(bytes.fromhex(frame))
"""


def send(forage: Activated, name: str, *frames: bytes) -> None:
    """Send frames over the sandbox's link, as they are."""
    netns = ("ip", "netns", "exec", forage.sandbox(name).netns)
    forage.host.run(*netns, "python3", "-c", _SEND, *(frame.hex() for frame in frames))


def mac_of(forage: Activated, name: str) -> str:
    """The address of the sandbox's end of its link."""
    netns = ("ip", "netns", "exec", forage.sandbox(name).netns)
    return forage.host.run(*netns, "cat", "/sys/class/net/host0/address").stdout.strip()


def mac_of_host(forage: Activated, name: str) -> str:
    """The address of the host's end of that link."""
    path = f"/sys/class/net/{forage.sandbox(name).interface}/address"
    return forage.host.run("cat", path).stdout.strip()


def frame(target: str, source: str, kind: int, payload: bytes) -> bytes:
    """An Ethernet frame."""
    return _mac(target) + _mac(source) + struct.pack("!H", kind) + payload


def ipv4(  # noqa: PLR0913 - the fields of a header
    source: str,
    target: str,
    protocol: int,
    payload: bytes,
    *,
    ttl: int = 64,
    options: bytes = b"",
    fragment: int = 0,
) -> bytes:
    """An IPv4 packet; `fragment` is its flags and offset."""
    words = 5 + len(options) // 4
    head = struct.pack(
        "!BBHHHBBH4s4s",
        *(0x40 | words, 0, words * 4 + len(payload), 4711, fragment, ttl, protocol, 0),
        *(IPv4Address(source).packed, IPv4Address(target).packed),
    )
    whole = head + options
    return whole[:10] + checksum(whole) + whole[12:] + payload


def udp(source: int, target: int, payload: bytes = b"forged") -> bytes:
    """A datagram, with no checksum."""
    return struct.pack("!HHHH", source, target, 8 + len(payload), 0) + payload


def tcp(source: str, target: str, ports: tuple[int, int], flags: int) -> bytes:
    """A TCP segment without data."""
    segment = struct.pack("!HHIIBBHHH", *ports, 1000, 2000, 5 << 4, flags, 1024, 0, 0)
    pseudo = IPv4Address(source).packed + IPv4Address(target).packed
    summed = checksum(pseudo + struct.pack("!BBH", 0, TCP, len(segment)) + segment)
    return segment[:16] + summed + segment[18:]


def icmp(kind: int, code: int, payload: bytes) -> bytes:
    """An ICMP message."""
    message = struct.pack("!BBHI", kind, code, 0, 0) + payload
    return message[:2] + checksum(message) + message[4:]


def arp(operation: int, sender: tuple[str, str], target: tuple[str, str]) -> bytes:
    """An ARP message; sender and target are MAC and IPv4 addresses."""
    parts = (_mac(mac) + IPv4Address(address).packed for mac, address in (sender, target))
    return struct.pack("!HHBBH", 1, IPV4, 6, 4, operation) + b"".join(parts)


def checksum(data: bytes) -> bytes:
    """The Internet checksum (RFC 1071)."""
    padded = data + b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!H", ~total & 0xFFFF)


def _mac(address: str) -> bytes:
    return bytes.fromhex(address.replace(":", ""))
