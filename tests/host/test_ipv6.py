"""With `ipv6Subnet`, sandboxes have IPv6, and it is fenced as IPv4 is.

The attacker's servers are at addresses that nothing lists, and note what arrives.
"""

from __future__ import annotations

import shutil
import struct
from ipaddress import IPv6Address
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.host import packets as k
from tests.host.activate import Activated, activate, compile_project, make_owner
from tests.host.probes import REFUSED, fence_down, fetch
from tests.host.test_monitor import LOG_OF_ALL, hearing_the_kernel, monitor
from tests.host.test_spoofing import watch, wire
from tests.host.test_switching import RELOAD, STATE, Kept, ctl, switch, told
from tests.requirements import TEST_HOST, require
from tests.testhost.host import TestHost
from tests.testhost.internet import NAMESPACE, Internet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.testhost.host import Sandbox

pytestmark = pytest.mark.host

PROJECT = Path(__file__).parent / "ipv6"
NAMES = {
    "six.example.net": ["2001:2:0:1::10"],
    "both.example.net": ["2001:2:0:1::11", "198.18.1.11"],
    "db.example.net": ["2001:2:0:1::12"],
    "rebind.example.net": ["fd99::30"],
    "link.example.net": ["2001:2::1"],
    # It has moved since the lock was written.
    "pinned.example.net": ["2001:2:0:1::66", "198.18.1.66"],
}
LISTED, SERVICE, PREFIX = "2001:2:0:1::20", "2001:2:0:1::21", "2001:2:0:2::9"
FOREIGN = "2001:2:0:1::66"
PRIVATE = "fd99::30"
CARRIES_IPV4 = "64:ff9b::c0a8:4d1e"  # 192.168.77.30, behind NAT64
METADATA = "fd00:ec2::254"
LOCAL = "2001:2::1"  # in the host's own network, by a global address
LOCAL_LISTED = "2001:2::7"
PRIVATE_PREFIX = "fd98::5"
LOCKED = ["2001:2:0:1::31", "198.18.1.31"]
LOCKED_SERVICE = "2001:2:0:1::32"
SERVERS = (
    *((address, 80) for address in (LOCAL, LOCAL_LISTED, LISTED, SERVICE, PREFIX, FOREIGN)),
    *((address, 80) for address in (PRIVATE, PRIVATE_PREFIX, CARRIES_IPV4, METADATA)),
    (LOCAL_LISTED, 8080),
    *((address, port) for address in LOCKED for port in (80, 443, 8080)),
    *((LOCKED_SERVICE, port) for port in (80, 5432)),
    *((address, 80) for name in ("six", "both", "db") for address in NAMES[f"{name}.example.net"]),
    ("2001:2:0:1::10", 443),
    (NAMES["db.example.net"][0], 5432),
    (SERVICE, 8080),
    ("fd99::20", 8080),
    ("fd99::20", 80),
)
ROUTED = "2a01:4f8:1:2::/64"
HOST, GATEWAY = "2001:2::2", "fd77:7:7::1"
HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION, ICMPV6 = 0, 43, 44, 60, 58


def place(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


@pytest.fixture(scope="module")
def project() -> Iterator[tuple[Activated, Internet]]:
    """A host of its own: two projects cannot share one."""
    require(*TEST_HOST)
    with TestHost() as own, Internet(own) as internet:
        for name, addresses in NAMES.items():
            internet.record(name, *addresses)
        # On a link, a kernel answers for the link's own addresses alone.
        own_link = ("ip", "-n", NAMESPACE, "address", "add", f"{LOCAL_LISTED}/64", "dev", "eth0")
        own.run(*own_link, "nodad")
        for address, port in SERVERS:
            internet.serve(address, port, place(address, port), tls=port == 443)
        plan = compile_project(PROJECT)
        make_owner(own, plan)
        activate(own, plan)
        forage = Activated(own, plan)
        yield forage, internet
        forage.stop_all()


@pytest.fixture
def forage(project: tuple[Activated, Internet]) -> Activated:
    return project[0]


@pytest.fixture
def internet(project: tuple[Activated, Internet]) -> Internet:
    return project[1]


@pytest.fixture
def listed(forage: Activated) -> Sandbox:
    return forage.running("listed")


@pytest.fixture
def opened(forage: Activated) -> Sandbox:
    return forage.running("open")


# -- what passes -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "server"),
    [
        ("six.example.net", place(NAMES["six.example.net"][0], 80)),  # by the proxy
        ("db.example.net:5432", place(NAMES["db.example.net"][0], 5432)),  # by the set of its port
        (f"[{LISTED}]", place(LISTED, 80)),
        (place(SERVICE, 8080), place(SERVICE, 8080)),
        (place(PREFIX, 80), place(PREFIX, 80)),
        ("[fd99::20]:8080", "[fd99::20]:8080"),
    ],
)
def test_what_is_listed_is_reached(listed: Sandbox, asked: str, server: str) -> None:
    assert fetch(listed, asked) == server


def test_a_name_with_both_kinds_of_addresses_is_reached_by_either(listed: Sandbox) -> None:
    servers = {place(address, 80) for address in NAMES["both.example.net"]}
    assert fetch(listed, "both.example.net") in servers
    for version in ("-4", "-6"):
        got = ("curl", version, "--silent", "--max-time", "5", "http://both.example.net/")
        assert listed.run(*got, user="agent").stdout in servers


def test_the_proxy_reads_names_of_connections_by_ipv6(listed: Sandbox) -> None:
    # Whatever address was dialled; and none that is not listed.
    dial = ("curl", "--silent", "--max-time", "5", "--insecure", "--resolve")
    name = "six.example.net"
    for scheme, port in (("http", 80), ("https", 443)):
        got = listed.run(*dial, f"{name}:{port}:[{FOREIGN}]", f"{scheme}://{name}/", user="agent")
        assert got.stdout == place(NAMES[name][0], port)
    name = "other.example.net"
    for scheme, port in (("http", 80), ("https", 443)):
        argv = (*dial, f"{name}:{port}:[{FOREIGN}]", f"{scheme}://{name}/")
        assert "2001" not in listed.run(*argv, user="agent", check=False).stdout


def test_full_reaches_what_is_public(opened: Sandbox, internet: Internet) -> None:
    assert fetch(opened, place(LISTED, 80)) == place(LISTED, 80)
    # With the host's own address: nobody routes the sandbox's.
    assert internet.requests(LISTED)[-1].client == HOST
    # And the private ones that it lists, also of the host's own network.
    for address, port in (("fd99::20", 8080), (PRIVATE_PREFIX, 80), (LOCAL_LISTED, 8080)):
        assert fetch(opened, place(address, port)) == place(address, port)


def test_the_local_network_is_reached_where_it_is_allowed(forage: Activated) -> None:
    office = forage.running("office")
    for address in (PRIVATE, "fd99::20", LOCAL, LOCAL_LISTED, LISTED):
        assert fetch(office, place(address, 80)) == place(address, 80)


def test_a_name_leads_where_the_lock_says_and_nobody_is_asked(
    forage: Activated, internet: Internet
) -> None:
    pinned, name = forage.running("pinned"), "pinned.example.net"
    asked = internet.queries().count(name)
    for kind, address in zip(("AAAA", "A"), LOCKED, strict=True):
        answer = pinned.run("dig", "+short", name, kind, user="agent").stdout
        assert answer.split() == [address]
        version = "-6" if kind == "AAAA" else "-4"
        for scheme, port in (("http", 80), ("https", 443)):
            got = ("curl", version, "--silent", "--insecure", f"{scheme}://{name}/")
            assert pinned.run(*got, user="agent").stdout == place(address, port)
    assert fetch(pinned, "api.pinned.example.net:5432") == place(LOCKED_SERVICE, 5432)
    assert internet.queries().count(name) == asked
    for address, port in ((LOCKED[0], 8080), (LOCKED_SERVICE, 80), (FOREIGN, 80)):
        assert fetch(pinned, place(address, port)) == REFUSED
        with fence_down(forage.host):
            assert fetch(pinned, place(address, port)) == place(address, port)


# -- what does not ---------------------------------------------------------------------


@pytest.mark.parametrize("user", ["agent", "root"])
def test_nothing_else_is_reached(forage: Activated, internet: Internet, user: str) -> None:
    closed = {
        "listed": [
            *((FOREIGN, 80), (SERVICE, 80), (NAMES["db.example.net"][0], 80)),
            *((PRIVATE, 80), ("fd99::20", 80), (CARRIES_IPV4, 80), (LOCAL, 80)),
        ],
        "open": [
            *((PRIVATE, 80), ("fd99::20", 80), (CARRIES_IPV4, 80), (LOCAL, 80)),
            *((LOCAL_LISTED, 80), (METADATA, 80)),
        ],
        "office": [(CARRIES_IPV4, 80), (METADATA, 80)],
    }
    for name, places in closed.items():
        box = forage.running(name)
        try_ = ("curl", "--silent", "--max-time", "3")
        for address, port in places:
            before = len(internet.requests(address))
            got = box.run(*try_, f"http://{place(address, port)}/", user=user, check=False)
            assert got.stdout != place(address, port)
            assert len(internet.requests(address)) == before, (name, address)
            with fence_down(forage.host):
                assert fetch(box, place(address, port)) == place(address, port)


def test_the_host_and_the_neighbour_are_closed(forage: Activated, opened: Sandbox) -> None:
    serve = ("python3", "-m", "http.server", "--bind", "::", "9090", "--directory", "/etc/keys")
    forage.host.run("mkdir", "-p", "/etc/keys")
    forage.host.run("systemd-run", "--quiet", "--collect", "--unit=service6", *serve)
    neighbour = forage.running("neighbour")
    neighbour.run("systemd-run", "--quiet", "--collect", "--unit=web", *serve[:-1], "/workspace")
    other = str(forage.sandbox("neighbour").ipv6_address)
    forage.host.wait_for(
        lambda: (
            forage.host.run("curl", "-s", f"http://[{other}]:9090/", check=False).stdout
            and forage.host.run("curl", "-s", "http://[::1]:9090/", check=False).stdout
        ),
        "the host reaches both",
    )
    # The gateway and the neighbour have addresses that are of local networks.
    for box in (opened, forage.running("office")):
        for address in (HOST, GATEWAY, other):
            assert fetch(box, f"[{address}]:9090") == REFUSED
            with fence_down(forage.host):
                assert "Directory listing" in fetch(box, f"[{address}]:9090")
    forage.host.run("systemctl", "stop", "service6")
    # All links have the same address of the host's; the end of one leaves the others theirs.
    listed = forage.running("listed")
    forage.stop("neighbour")
    assert fetch(listed, "six.example.net") == place(NAMES["six.example.net"][0], 80)


def test_other_resolvers_and_quic_are_refused(
    forage: Activated, listed: Sandbox, internet: Internet
) -> None:
    inside = ("ip", "netns", "exec", NAMESPACE)
    forage.host.run(*inside, "ip", "address", "replace", "2001:2::53/128", "dev", "lo", "nodad")
    for server in ("2001:2::53", GATEWAY):
        for how in ("+notcp", "+tcp"):
            ask = ("dig", "+short", how, "+tries=1", "+time=1", f"@{server}", "leak6.example.net")
            listed.run(*ask, user="root", check=False)
    assert "leak6.example.net" not in internet.queries()
    send = "import socket; socket.socket(10, 2).sendto(b'x', ('{}', 443))"
    with watch(forage, NAMESPACE, "udp dport 443") as arrived:
        listed.run("python3", "-c", send.format(NAMES["six.example.net"][0]), check=False)
        assert arrived() == 0


def test_a_name_does_not_lead_into_the_hosts_own_network(
    listed: Sandbox, internet: Internet
) -> None:
    before = len(internet.requests(LOCAL))
    assert fetch(listed, "link.example.net") != place(LOCAL, 80)
    assert len(internet.requests(LOCAL)) == before


def test_names_that_lead_to_private_addresses_do_not_resolve(
    opened: Sandbox, internet: Internet
) -> None:
    ask = ("dig", "+short", "rebind.example.net", "AAAA")
    assert opened.run(*ask, user="agent").stdout == ""
    assert "rebind.example.net" in internet.queries()


# -- packets that no kernel sends ------------------------------------------------------


def ipv6(source: str, target: str, kind: int, payload: bytes, *, hops: int = 64) -> bytes:
    head = struct.pack("!IHBB", 6 << 28, len(payload), kind, hops)
    return head + IPv6Address(source).packed + IPv6Address(target).packed + payload


def datagram(source: str, target: str, port: int = 4001) -> bytes:
    """UDP with its checksum, which IPv6 does not leave out."""
    bare = k.udp(4000, port)
    pseudo = IPv6Address(source).packed + IPv6Address(target).packed
    return bare[:6] + k.checksum(pseudo + struct.pack("!II", len(bare), k.UDP) + bare) + bare[8:]


def message(source: str, target: str, kind: int, body: bytes) -> bytes:
    """ICMPv6."""
    bare = struct.pack("!BBH", kind, 0, 0) + body
    pseudo = IPv6Address(source).packed + IPv6Address(target).packed
    return bare[:2] + k.checksum(pseudo + struct.pack("!II", len(bare), ICMPV6) + bare) + bare[4:]


def _forged(own: str, other: str) -> dict[str, tuple[bytes, ...]]:
    target = FOREIGN
    whole = datagram(own, target)
    padding = b"\1\4\0\0\0\0"  # an option that fills a header of 8 bytes
    return {
        "another's address": (ipv6(other, target, k.UDP, datagram(other, target)),),
        "an address of nobody": (
            ipv6("2001:2:0:9::9", target, k.UDP, datagram("2001:2:0:9::9", target)),
        ),
        "hop-by-hop options": (ipv6(own, target, HOP_BY_HOP, bytes([k.UDP, 0]) + padding + whole),),
        "destination options": (
            ipv6(own, target, DESTINATION, bytes([k.UDP, 0]) + padding + whole),
        ),
        "a routing header": (
            ipv6(own, target, ROUTING, bytes([k.UDP, 2, 2, 0]) + b"\0" * 20 + whole),
        ),
        "the first of fragments": (
            ipv6(own, target, FRAGMENT, struct.pack("!BBHI", k.UDP, 0, 1, 7) + whole[:8]),
        ),
        "a fragment alone": (
            ipv6(own, target, FRAGMENT, struct.pack("!BBHI", k.UDP, 0, 8, 8) + whole[:8]),
        ),
        "options behind a fragment's header": (
            ipv6(
                *(own, target, FRAGMENT),
                struct.pack("!BBHI", DESTINATION, 0, 0, 9) + bytes([k.UDP, 0]) + padding + whole,
            ),
        ),
        "another protocol": (ipv6(own, target, 41, ipv6(own, target, k.UDP, whole)),),
    }


# Nobody puts these together, or routes the latter, with a fence or without.
_NEVER = {"the first of fragments", "a fragment alone", "a routing header", "an address of nobody"}


def test_forged_packets_do_not_leave(forage: Activated) -> None:
    forage.running("open")
    own, other = (str(forage.sandbox(name).ipv6_address) for name in ("open", "neighbour"))
    with watch(forage, NAMESPACE, f'iifname "eth0" ip6 daddr {FOREIGN}') as arrived:
        # The control: an honest one does.
        honest = ipv6(own, FOREIGN, k.UDP, datagram(own, FOREIGN))
        k.send(forage, "open", wire(forage, "open", k.IPV6, honest))
        assert arrived() == 1
        for how, packets in _forged(own, other).items():
            frames = [wire(forage, "open", k.IPV6, packet) for packet in packets]
            k.send(forage, "open", *frames)
            assert arrived() == 0, how
            if how not in _NEVER:
                with fence_down(forage.host):
                    k.send(forage, "open", *frames)
                    assert arrived() > 0, how
    refused = monitor(forage, "open")["refused"]
    assert refused["source"]["packets"] >= 2
    assert refused["packet"]["packets"] >= 5


def test_the_link_has_no_routers_and_no_neighbours_to_ask_for(forage: Activated) -> None:
    opened = forage.running("open")
    box = forage.sandbox("open")
    own, stranger = str(box.ipv6_address), "02:66:0a:64:09:09"
    hardware = bytes.fromhex(stranger.replace(":", ""))
    prefix = struct.pack("!BBBBIII", 3, 4, 64, 0xC0, 3600, 3600, 0) + IPv6Address("fd66::").packed
    lies = {
        # Router advertisement: a prefix and a route by way of the sandbox.
        "router": (("fe80::66", "ff02::1"), 134, b"\x40\0\x0e\x10" + b"\0" * 8 + prefix),
        # Neighbour advertisement: the neighbour is here.
        "neighbour": (
            (own, GATEWAY),
            136,
            b"\x60\0\0\0" + IPv6Address(own).packed + b"\2\1" + hardware,
        ),
        # Redirect: a public address by way of the sandbox.
        "redirect": (
            ("fe80::66", GATEWAY),
            137,
            b"\0" * 4 + IPv6Address(own).packed + IPv6Address(FOREIGN).packed,
        ),
    }

    def state() -> list[str]:
        show = (("neighbour", "show"), ("route", "show"), ("address", "show"))
        return [
            forage.host.run("ip", "-6", *each, "dev", box.interface).stdout.replace("STALE", "")
            for each in show
        ]

    before = state()
    assert "PERMANENT" in before[0]
    with watch(forage, "forage-open", "meta nfproto ipv6") as answered:
        for (source, target), kind, body in lies.values():
            payload = message(source, target, kind, body)
            packet = ipv6(source, target, ICMPV6, payload, hops=255)
            k.send(forage, "open", wire(forage, "open", k.IPV6, packet))
        assert answered() == 0
    assert state() == before
    assert monitor(forage, "open")["refused"]["ipv6"]["packets"] >= len(lies)
    # Whoever loses the entry inside is alone without IPv6.
    inside = ("ip", "-n", box.netns, "-6", "neighbour")
    entry = (GATEWAY, "lladdr", forage.plan.gateway_mac, "dev", "host0", "nud", "permanent")
    forage.host.run(*inside, "delete", *entry[:2], entry[2], *entry[3:5])
    assert fetch(opened, place(LISTED, 80)) == REFUSED
    assert fetch(forage.running("neighbour"), place(LISTED, 80)) == place(LISTED, 80)
    forage.host.run(*inside, "replace", *entry)
    assert fetch(opened, place(LISTED, 80)) == place(LISTED, 80)


# -- ports of the host -----------------------------------------------------------------


def test_a_port_of_the_host_leads_in_by_ipv6(forage: Activated, opened: Sandbox) -> None:
    serve = ("python3", "-m", "http.server", "8000", "--directory", "/workspace")
    opened.run("systemd-run", "--quiet", "--collect", "--unit=web", *serve)
    outside, listing = ("ip", "netns", "exec", NAMESPACE), "Directory listing"

    def get(where: str, *how: str) -> str:
        argv = ("curl", "--silent", "--max-time", "3", f"http://{where}/")
        return forage.host.run(*how, *argv, check=False).stdout

    loopback, named = "[::1]:8091", f"[{HOST}]:8092"
    forage.host.wait_for(lambda: listing in get(loopback), "the host reaches it")
    assert listing in get(named)
    assert listing in get(named, *outside)
    assert get(f"[{HOST}]:8091", *outside) == ""
    # Another sandbox reaches none, though it has IPv6.
    neighbour = forage.running("neighbour")
    assert fetch(neighbour, named) == REFUSED
    with fence_down(forage.host):
        assert listing in fetch(neighbour, named)
        assert fetch(neighbour, f"[{GATEWAY}]:8091") == REFUSED
    assert fetch(opened, named) == REFUSED
    forage.stop("open")
    assert forage.host.run("ss", "-Hltn", "sport = :8091 or sport = :8092").stdout == ""
    assert get(named, *outside) == ""


# -- switching -------------------------------------------------------------------------


def test_a_switch_judges_ipv6_as_well(forage: Activated, opened: Sandbox, listed: Sandbox) -> None:
    kept = Kept(forage, opened, "kept", LISTED, "80", "x")
    switch(forage, "open", "none")
    kept.await_end()
    assert fetch(opened, place(LISTED, 80)) == REFUSED
    address = str(forage.sandbox("open").ipv6_address)
    assert forage.host.run("ss", "-Htn", "dst", f"[{address}]").stdout == ""
    switch(forage, "open", "restricted", "--allow=198.18.1.11")
    assert fetch(opened, place(LISTED, 80)) == REFUSED
    switch(forage, "open", "reset")
    assert fetch(opened, place(LISTED, 80)) == place(LISTED, 80)
    assert fetch(opened, place(PRIVATE, 80)) == REFUSED
    switch(forage, "listed", "full")
    assert fetch(listed, place(FOREIGN, 80)) == place(FOREIGN, 80)
    assert fetch(listed, place(LOCAL, 80)) == REFUSED
    assert fetch(listed, place(PRIVATE, 80)) == REFUSED
    wide = Kept(forage, listed, "wide", FOREIGN, "80", "x")
    switch(forage, "listed", "reset")
    wide.await_end()
    assert fetch(listed, place(SERVICE, 8080)) == place(SERVICE, 8080)
    assert fetch(listed, "six.example.net") == place(NAMES["six.example.net"][0], 80)


@pytest.fixture
def switched(forage: Activated) -> Iterator[Activated]:
    """The project, whose sandboxes are what the project says afterwards."""
    yield forage
    for name in ("open", "listed"):
        switch(forage, name, "reset")


def test_addresses_of_ipv6_are_added_for_one_sandbox_alone(
    switched: Activated, opened: Sandbox
) -> None:
    added = ("2001:2:0:1::20", f"[{SERVICE.upper()}]:8080", "2001:2:0:2::/64", "[fd99::/32]:80")
    reached = ((LISTED, 80), (SERVICE, 8080), (PREFIX, 80), (PRIVATE, 80))
    closed = ((SERVICE, 80), (FOREIGN, 80), ("fd99::20", 8080), (CARRIES_IPV4, 80), (LOCAL, 80))

    def judge() -> None:
        for address, port in reached:
            assert fetch(opened, place(address, port)) == place(address, port)
        for address, port in closed:
            assert fetch(opened, place(address, port)) == REFUSED

    # The control: without it, what is closed is open, and the other way round.
    assert fetch(opened, place(FOREIGN, 80)) == place(FOREIGN, 80)
    assert fetch(opened, place(SERVICE, 80)) == place(SERVICE, 80)
    assert fetch(opened, place(PRIVATE, 80)) == REFUSED
    cut = Kept(switched, opened, "cut", FOREIGN, "80", "x")
    kept = Kept(switched, opened, "kept", LISTED, "80", "x")
    switch(switched, "open", "restricted", *(f"--allow={each}" for each in added))
    cut.await_end()
    kept.await_use()
    judge()
    assert told(switched, "open")["allow"] == list(added)
    # Not for the other sandbox of the template.
    neighbour = switched.running("neighbour")
    assert fetch(neighbour, place(PRIVATE, 80)) == REFUSED
    assert fetch(neighbour, place(FOREIGN, 80)) == place(FOREIGN, 80)
    switched.host.run(*RELOAD)
    kept.await_use()
    judge()
    opened = switched.fresh("open")
    judge()
    switch(switched, "open", "reset")
    assert fetch(opened, place(FOREIGN, 80)) == place(FOREIGN, 80)
    assert fetch(opened, place(PRIVATE, 80)) == REFUSED


def test_an_added_address_goes_past_the_proxy(switched: Activated, listed: Sandbox) -> None:
    assert fetch(listed, place(FOREIGN, 80)) == REFUSED
    added = (f"--allow=[{FOREIGN}]:80", "--allow=other.example.net", "--persist")
    said = ctl(switched, "listed", "restricted", *added).stdout
    assert f'  allowedHosts = ["[{FOREIGN}]:80", "other.example.net"]' in said
    assert fetch(listed, place(FOREIGN, 80)) == place(FOREIGN, 80)
    # What its template lists goes on.
    assert fetch(listed, place(SERVICE, 8080)) == place(SERVICE, 8080)
    assert fetch(listed, "six.example.net") == place(NAMES["six.example.net"][0], 80)
    assert fetch(listed, place(LISTED, 80)) == place(LISTED, 80)
    assert fetch(listed, place(SERVICE, 80)) == REFUSED
    switch(switched, "listed", "reset")
    assert fetch(listed, place(FOREIGN, 80)) == REFUSED


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2001:db8::1/32", "its last 96 bits are not 0"),
        ("2001:db8:8000::/32", "its last 96 bits are not 0"),
        ("[2001:db8::1]:70000", "over 65535"),
        ("[2001:db8::1]:0", "no address or prefix"),
        ("2001:db8::/15", "16 to 128 bits"),
        ("2001:db8::/129", "16 to 128 bits"),
        ("::/0", "no address or prefix"),
        *(
            (text, "no address or prefix")
            for text in (
                *("1::2::3", ":::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7::8"),
                *("12345::1", "fe80::1%eth0", "::ffff:1.2.3.4", "[2001:db8::1", "2001:db8::g"),
                *("::1 accept; }", "::1\naccept", "[::1]:80:80", "[::1]80", "[[::1]]:80"),
            )
        ),
    ],
)
def test_what_is_no_address_is_not_added(forage: Activated, text: str, said: str) -> None:
    before = forage.host.sh(f"ls {STATE}", check=False).stdout
    done = ctl(forage, "listed", "restricted", f"--allow={text}")
    assert (done.returncode, said in done.stderr) == (1, True), done.stderr
    assert forage.host.sh(f"ls {STATE}", check=False).stdout == before


def test_monitor_says_what_to_write(forage: Activated, listed: Sandbox) -> None:
    with hearing_the_kernel(forage.host):
        fetch(listed, place(FOREIGN, 81))
        fetch(listed, "other.example.net:80")
        listed.run("curl", "-s", "-H", "Host: other.example.net", f"http://[{FOREIGN}]/")
        assert monitor(forage, "listed")["refused"]["unlisted"]["packets"] > 0
        # By the proxy, whose client has an IPv6 address; and by the kernel, if it logs here.
        wanted = {"other.example.net"} | ({place(FOREIGN, 81)} if LOG_OF_ALL.exists() else set())
        forage.host.wait_for(
            lambda: wanted <= set(monitor(forage, "listed")["allowedHosts"]), "both are proposed"
        )


# -- a prefix that is routed -----------------------------------------------------------


@pytest.fixture
def routed(forage: Activated, tmp_path: Path) -> Iterator[Activated]:
    """The project with a global prefix, which the internet routes to the host."""
    project = Path(shutil.copytree(PROJECT, tmp_path / "project"))
    text = (project / "forage.toml").read_text()
    (project / "forage.toml").write_text(text.replace("fd77:7:7::/64", ROUTED))
    plan = compile_project(project)
    activate(forage.host, plan)
    forage.host.run("systemctl", "reload", "forage-firewall.service")
    route = ("ip", "-n", NAMESPACE, "-6", "route")
    forage.host.run(*route, "add", ROUTED, "via", HOST)
    yield Activated(forage.host, plan)
    forage.host.run(*route, "delete", ROUTED)
    activate(forage.host, forage.plan)
    forage.host.run("systemctl", "reload", "forage-firewall.service")
    forage.stop("open")


def test_a_routed_prefix_is_not_translated_and_not_open(
    routed: Activated, internet: Internet
) -> None:
    opened = routed.fresh("open")
    address = str(routed.sandbox("open").ipv6_address)
    assert fetch(opened, place(LISTED, 80)) == place(LISTED, 80)
    assert internet.requests(LISTED)[-1].client == address
    serve = ("python3", "-m", "http.server", "--bind", "::", "8000", "--directory", "/workspace")
    opened.run("systemd-run", "--quiet", "--collect", "--unit=web", *serve)
    reach = ("curl", "--silent", "--max-time", "2", f"http://[{address}]:8000/")
    routed.host.wait_for(
        lambda: routed.host.run(*reach, check=False).stdout, "the host itself reaches it"
    )
    outside = ("ip", "netns", "exec", NAMESPACE)
    assert routed.host.run(*outside, *reach, check=False).stdout == ""
    with fence_down(routed.host):
        assert "Directory listing" in routed.host.run(*outside, *reach).stdout
    # No address of the prefix is reached, whether there is a sandbox or not.
    assert fetch(opened, "[2a01:4f8:1:2::9999]:80") == REFUSED
    assert monitor(routed, "open")["refused"]["sandbox"]["packets"] > 0


# -- the host --------------------------------------------------------------------------


def test_the_fence_hears_of_a_network_that_the_host_comes_into(forage: Activated) -> None:
    own = ("2001:2:0:1::fff0/124", "dev", "wan0")
    forage.host.run("ip", "address", "add", *own, "nodad")
    forage.fresh("open")
    forage.running("listed")
    listed = forage.host.run("nft", "list", "set", "inet", "forage", "links6").stdout
    forage.host.run("ip", "address", "delete", *own)
    assert {"2001:2::/64", "2001:2:0:1::fff0/124"} <= set(listed.replace(",", "").split())


def test_the_host_keeps_the_routes_of_its_own_router(forage: Activated) -> None:
    settings = "/proc/sys/net/ipv6/conf"
    script = "/etc/forage/tree/libexec/forage-forward-ipv6"
    forage.host.sh(
        f"echo 0 >{settings}/all/forwarding; echo 1 >{settings}/wan0/accept_ra; {script}"
    )
    read = ("cat", f"{settings}/wan0/accept_ra", f"{settings}/all/forwarding")
    assert forage.host.run(*read).stdout.split() == ["2", "1"]


@pytest.fixture
def served(forage: Activated) -> Iterator[str]:
    """A service of the host, while nothing loads the fence by itself."""
    serve = ("python3", "-m", "http.server", "9091", "--bind", "::", "--directory", "/usr")
    forage.host.run("systemctl", "stop", "forage-mend.timer")
    forage.host.run("systemd-run", "--collect", "--unit=served", *serve)
    try_ = ("curl", "--silent", "http://[::1]:9091/")
    forage.host.wait_for(lambda: forage.host.run(*try_, check=False).stdout, "it answers")
    yield f"[{GATEWAY}]:9091"
    forage.host.run("systemctl", "stop", "served.service")
    forage.host.run("systemctl", "reload", "forage-firewall.service")
    forage.host.run("systemctl", "start", "forage-mend.timer")


def test_without_rules_nothing_passes(forage: Activated, opened: Sandbox, served: str) -> None:
    target = place(LISTED, 80)
    assert fetch(opened, target) == target
    with watch(forage, NAMESPACE, f"ip6 daddr {LISTED}") as arrived:
        forage.host.run("nft", "flush", "ruleset")
        assert (fetch(opened, target), arrived()) == ("", 0)
        assert fetch(opened, served) == ""
        # The control: it is the policies that block.
        forage.host.run("ip", "-6", "xfrm", "policy", "flush")
        fetch(opened, target)
        assert arrived() > 0
        assert "Directory listing" in fetch(opened, served)
    forage.host.run("systemctl", "reload", "forage-firewall.service")
    assert fetch(opened, served) == REFUSED
    assert fetch(opened, target) == target
    assert forage.host.run("ip", "-6", "xfrm", "policy").stdout.count("block") == 3
