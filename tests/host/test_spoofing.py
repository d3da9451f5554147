"""A sandbox speaks for itself alone, and its link carries nothing but honest IPv4.

Each attack is sent by the host's root in the sandbox's place, who may do more than anybody
inside; and each arrives where the fence is down.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.host import packets as k
from tests.host.probes import REFUSED, fence_down, fetch
from tests.testhost.internet import NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.host.activate import Activated
    from tests.testhost.host import Sandbox
    from tests.testhost.internet import Internet

PUBLIC, LAN = "198.18.1.15", "192.168.77.30"
HOST = "198.18.0.2"
GATEWAY = "10.100.0.1"
STRANGER = "02:66:0a:64:09:09"
NOBODY = "00:00:00:00:00:00"

# A route that the sandbox has chosen would be recorded, with the host's own addresses.
RECORD_ROUTE = b"\x07\x0b\x04" + b"\0" * 8 + b"\0"
UNFINISHED = 0x2000  # more fragments follow
XMAS = 0x29  # FIN, PSH and URG


@contextmanager
def watch(
    forage: Activated, netns: str, rule: str, family: str = "inet"
) -> Iterator[Callable[[], int]]:
    """Count what comes in over the links of a network namespace, before any other rule."""
    hook = "input" if family == "arp" else "prerouting"
    table = f"""
        table {family} look {{
            counter arrived {{ }}
            chain look {{
                type filter hook {hook} priority -500
                {rule} counter name arrived
            }}
        }}
    """
    nft = ("ip", "netns", "exec", netns, "nft")
    forage.host.run(*nft, "-f", "-", input=table)

    def arrived() -> int:
        listed = forage.host.run(*nft, "reset", "counter", family, "look", "arrived").stdout
        return int(listed.split("packets ")[1].split()[0])

    try:
        yield arrived
    finally:
        forage.host.run(*nft, "delete", "table", family, "look")


def wire(forage: Activated, name: str, kind: int, payload: bytes, mac: str | None = None) -> bytes:
    """A frame from a sandbox to the host, by default with its own hardware address."""
    return k.frame(k.mac_of_host(forage, name), mac or k.mac_of(forage, name), kind, payload)


def _forged(own: str) -> dict[str, tuple[bytes, ...]]:
    """What is no honest packet, by what is wrong with it."""
    payload = k.udp(4000, 4001)
    rest = k.ipv4(own, LAN, k.UDP, b"forged!!", fragment=1)
    return {
        "another's address": (k.ipv4("10.100.9.9", PUBLIC, k.UDP, payload),),
        "a route": (k.ipv4(own, PUBLIC, k.UDP, payload, options=RECORD_ROUTE),),
        "flags of no connection": (
            k.ipv4(own, PUBLIC, k.TCP, k.tcp(own, PUBLIC, (4000, 80), XMAS)),
        ),
        "fragments": (k.ipv4(own, LAN, k.UDP, k.udp(4000, 53, b"")[:8], fragment=UNFINISHED), rest),
        "a fragment alone": (rest,),
    }


@pytest.mark.parametrize("how", _forged("10.100.0.2"))
def test_a_forged_packet_does_not_leave(forage: Activated, how: str) -> None:
    forage.running("research")
    own = str(forage.sandbox("research").address)
    frames = [wire(forage, "research", k.IPV4, packet) for packet in _forged(own)[how]]
    rule = f'iifname "eth0" ip daddr {{ {PUBLIC}, {LAN} }}'
    with watch(forage, NAMESPACE, rule) as arrived:
        k.send(forage, "research", *frames)
        assert arrived() == 0
        if how != "a fragment alone":  # nobody puts that together, with a fence or without
            with fence_down(forage.host):
                k.send(forage, "research", *frames)
                assert arrived() > 0


def test_a_forged_hardware_address_is_dropped(forage: Activated) -> None:
    forage.running("research")
    own = str(forage.sandbox("research").address)
    packet = k.ipv4(own, PUBLIC, k.UDP, k.udp(4000, 4001))
    with watch(forage, NAMESPACE, f"ip daddr {PUBLIC}") as arrived:
        k.send(forage, "research", wire(forage, "research", k.IPV4, packet, STRANGER))
        assert arrived() == 0
        k.send(forage, "research", wire(forage, "research", k.IPV4, packet))
        assert arrived() == 1
        with fence_down(forage.host):
            k.send(forage, "research", wire(forage, "research", k.IPV4, packet, STRANGER))
            assert arrived() == 1


def test_the_host_does_not_answer_a_packet_on_its_last_hop(forage: Activated) -> None:
    forage.running("research")
    box = forage.sandbox("research")
    packet = k.ipv4(str(box.address), PUBLIC, k.UDP, k.udp(4000, 4001), ttl=1)
    with watch(forage, box.netns, "icmp type time-exceeded") as answered:
        k.send(forage, "research", wire(forage, "research", k.IPV4, packet))
        assert answered() == 0
        with fence_down(forage.host):
            k.send(forage, "research", wire(forage, "research", k.IPV4, packet))
            assert answered() == 1


# -- ICMP errors ---------------------------------------------------------------

_TALK = "import socket; s = socket.socket(2, 2); s.bind(('', 4000)); s.sendto(b'x', ('{}', 4001))"


def _error(forage: Activated, sender: str, victim: str) -> bytes:
    """That the victim's port is closed, as said by the sender to whom the victim talks."""
    own, other = (str(forage.sandbox(name).address) for name in (sender, victim))
    about = k.ipv4(PUBLIC, other, k.UDP, k.udp(4001, 4000))
    return wire(forage, sender, k.IPV4, k.ipv4(own, PUBLIC, k.ICMP, k.icmp(3, 3, about)))


def test_an_icmp_error_is_about_ones_own_connection(forage: Activated) -> None:
    forage.running("research")
    victim = forage.running("neighbour")
    victim.run("python3", "-c", _TALK.format(PUBLIC))
    with watch(forage, NAMESPACE, "icmp type destination-unreachable") as arrived:
        k.send(forage, "research", _error(forage, "research", "neighbour"))
        assert arrived() == 0
        # The victim itself may say so.
        k.send(forage, "neighbour", _error(forage, "neighbour", "neighbour"))
        assert arrived() == 1
        with fence_down(forage.host):
            k.send(forage, "research", _error(forage, "research", "neighbour"))
            assert arrived() == 1


# -- ARP -----------------------------------------------------------------------


def _neighbours(forage: Activated, name: str) -> str:
    interface = forage.sandbox(name).interface
    return forage.host.run("ip", "neighbour", "show", "dev", interface).stdout


@pytest.mark.parametrize("mac", [None, STRANGER])
def test_a_forged_arp_message_teaches_the_host_nothing(forage: Activated, mac: str | None) -> None:
    forage.running("research")
    own = k.mac_of(forage, "research")
    sender = (own, "10.100.9.9") if mac is None else (mac, str(forage.sandbox("research").address))
    ask = wire(forage, "research", k.ARP, k.arp(1, sender, (NOBODY, GATEWAY)))
    learnt = "10.100.9.9" if mac is None else STRANGER
    k.send(forage, "research", ask)
    assert learnt not in _neighbours(forage, "research")
    interface = forage.sandbox("research").interface
    with fence_down(forage.host):
        # What was learnt a moment ago is not unlearnt so soon (neigh/locktime).
        forage.host.run("ip", "neighbour", "flush", "dev", interface)
        k.send(forage, "research", ask)
        assert learnt in _neighbours(forage, "research")
    forage.host.run("ip", "neighbour", "flush", "dev", interface)


def test_arp_does_not_tell_the_hosts_other_addresses(forage: Activated) -> None:
    forage.running("research")
    box = forage.sandbox("research")
    own = (k.mac_of(forage, "research"), str(box.address))

    def ask(address: str) -> None:
        message = k.arp(1, own, (NOBODY, address))
        k.send(forage, "research", wire(forage, "research", k.ARP, message))

    with watch(forage, box.netns, "arp operation reply", "arp") as answered:
        ask(HOST)
        assert answered() == 0
        ask(GATEWAY)
        assert answered() == 1
        with fence_down(forage.host):
            ask(HOST)
            assert answered() == 1


# -- conntrack helpers ---------------------------------------------------------

_HELPER = """
table ip helper {
    ct helper ftp {
        type "ftp" protocol tcp
    }
    chain prerouting {
        type filter hook prerouting priority -150
        tcp dport 8080 ct helper set "ftp"
    }
}
"""
# As it would be if everything related passed.
_ALL_RELATED = (
    "insert rule inet forage from_sandbox "
    "ct state related meta mark set meta mark | 0x40000000 goto pass"
)
_SERVER = ("192.168.77.20", 8080)


@pytest.fixture
def passive(forage: Activated, internet: Internet) -> Iterator[Sandbox]:
    """A host with a helper for FTP, and a server that names a port that is not allowed."""
    internet.serve(*_SERVER, "227 Entering Passive Mode (192,168,77,20,31,145).\r\n")
    forage.host.run("nft", "-f", "-", input=_HELPER)
    yield forage.fresh("coder")
    forage.host.run("nft", "delete table ip helper")
    forage.host.run("systemctl", "reload", "forage-firewall.service")
    internet.serve(*_SERVER, "192.168.77.20:8080")


def test_what_a_helper_of_the_host_expects_is_not_open(forage: Activated, passive: Sandbox) -> None:
    fetch(passive, "192.168.77.20:8080")
    assert "dport=8081" in forage.host.run("conntrack", "-L", "expect").stdout
    assert fetch(passive, "192.168.77.20:8081") == REFUSED
    forage.host.run("nft", _ALL_RELATED)
    fetch(passive, "192.168.77.20:8080")
    assert fetch(passive, "192.168.77.20:8081") == "192.168.77.20:8081"


# -- Pings ---------------------------------------------------------------------


def _ping(forage: Activated, *options: str) -> int:
    """How many of a sandbox's pings are answered; its root sends them, as the host's does."""
    netns = ("ip", "netns", "exec", forage.sandbox("research").netns)
    said = forage.host.run(*netns, "ping", "-q", "-W", "1", *options, PUBLIC, check=False).stdout
    return int(said.partition(" received")[0].split()[-1])


@contextmanager
def _no_limits_of_icmp(forage: Activated) -> Iterator[None]:
    forage.host.run(
        "nft", "flush chain inet forage limit_icmp; flush chain inet forage limit_pings"
    )
    try:
        yield
    finally:
        forage.host.run("systemctl", "reload", "forage-firewall.service")


def _refused_icmp(forage: Activated) -> int:
    listed = forage.host.run("nft", "list", "set", "inet", "forage", "refused_icmp").stdout
    words = listed.partition(f'"{forage.sandbox("research").interface}"')[2].split()
    return int(words[2]) if words[:2] == ["counter", "packets"] else 0


def test_pings_carry_little(forage: Activated) -> None:
    forage.running("research")
    forage.host.run("systemctl", "reload", "forage-firewall.service")
    many, large = ("-c", "400", "-i", "0.002"), ("-c", "2", "-i", "0.2", "-s", "600")
    assert _ping(forage, "-c", "2", "-i", "0.2", "-s", "500") == 2
    assert _ping(forage, *large) == 0
    before = _refused_icmp(forage)
    begun = time.monotonic()
    assert 20 < _ping(forage, *many) <= 50 + 5 * (time.monotonic() - begun)
    assert _refused_icmp(forage) > before + 200
    with _no_limits_of_icmp(forage):
        assert _ping(forage, *large) == 2
        assert _ping(forage, *many) > 380


def test_neither_do_answers_that_nobody_asked_for_again(forage: Activated) -> None:
    research = forage.sandbox("research")
    forage.running("research")
    forage.host.run("systemctl", "reload", "forage-firewall.service")
    own = str(research.address)
    ask = k.ipv4(own, PUBLIC, k.ICMP, k.icmp(8, 0, b"\0" * 8))
    k.send(forage, "research", wire(forage, "research", k.IPV4, ask))
    # The host translates back whom it is for.
    answer = k.ipv4(PUBLIC, HOST, k.ICMP, k.icmp(0, 0, b"\0" * 8)).hex()
    flood = (
        "import socket\n"
        "raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)\n"
        f"for _ in range(300):\n    raw.sendto(bytes.fromhex('{answer}'), ('{HOST}', 0))\n"
    )
    send = ("ip", "netns", "exec", NAMESPACE, "python3", "-c", flood)
    with watch(forage, research.netns, "icmp type echo-reply") as arrived:
        forage.host.run(*send)
        assert 0 < arrived() <= 60
        with _no_limits_of_icmp(forage):
            forage.host.run(*send)
            assert arrived() >= 300


def test_path_mtu_discovery_works_where_no_ping_is_left(forage: Activated) -> None:
    research = forage.running("research")
    netns = ("ip", "-n", forage.sandbox("research").netns)
    _ping(forage, "-c", "200", "-i", "0.002")
    # Too large for the way behind the host, and not to be split.
    probe = (
        "import socket\n"
        "udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
        "udp.setsockopt(socket.IPPROTO_IP, 10, 2)\n"
        f"udp.sendto(b'x' * 1400, ('{PUBLIC}', 4711))\n"
    )
    forage.host.run("ip", "link", "set", "wan0", "mtu", "1000")
    try:
        route = (*netns, "route", "get", PUBLIC)
        assert "mtu" not in forage.host.run(*route).stdout
        research.run("python3", "-c", probe, user="agent")
        forage.host.wait_for(lambda: "mtu 1000" in forage.host.run(*route).stdout, "it knows")
    finally:
        forage.host.run("ip", "link", "set", "wan0", "mtu", "1500")
        forage.host.run(*netns, "route", "flush", "cache")
