"""What is refused is counted and logged, and one command tells a person why."""

from __future__ import annotations

import json
import re
import struct
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.host.packets import IPV4, IPV6, UDP, frame, ipv4, mac_of, mac_of_host, send, udp
from tests.host.probes import fetch, look_up, rcode
from tests.host.project_on_host import NAMES
from tests.testhost.internet import NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.host.activate import Activated
    from tests.testhost.host import Completed, Sandbox, TestHost

CTL = "/etc/forage/tree/libexec/forage-ctl"
LOG_OF_ALL = Path("/proc/sys/net/netfilter/nf_log_all_netns")
# When this host began to hear the kernel.
SINCE: list[str] = []
PUBLIC = "198.18.1.15"
RESOLVER = "forage-resolver@coder.service"
RELOAD = ("systemctl", "reload", "forage-firewall.service")


@contextmanager
def hearing_the_kernel(host: TestHost) -> Iterator[None]:
    """Have the host's journal take in what the kernel logs.

    The test host is in a network namespace of its own. Of those the kernel logs nothing
    unless it is told to.
    """
    before = LOG_OF_ALL.read_text() if LOG_OF_ALL.exists() else None
    if before is not None:
        LOG_OF_ALL.write_text("1")
    host.sh("mknod /dev/kmsg c 1 11; systemctl restart systemd-journald")
    # At first it hears what the machine has in store, of earlier hosts, too.
    host.run("journalctl", "--sync")
    time.sleep(1.1)
    SINCE[:] = [f"--since=@{int(time.time())}"]
    yield
    host.sh("rm /dev/kmsg; systemctl restart systemd-journald")
    if before is not None:
        LOG_OF_ALL.write_text(before)


@pytest.fixture(scope="module")
def logged(activated: Activated) -> Iterator[Activated]:
    """The project on a host that hears the kernel, with limits that nobody has used up."""
    with hearing_the_kernel(activated.host):
        activated.fresh("coder")
        yield activated


# It is a setting of the machine's first network namespace.
needs_log = pytest.mark.skipif(not LOG_OF_ALL.exists(), reason=f"there is no {LOG_OF_ALL}")


@pytest.fixture
def seen(logged: Activated) -> Sandbox:
    """A restricted sandbox of that host."""
    return logged.running("coder")


def ctl(forage: Activated, *argv: str) -> Completed:
    return forage.host.run(CTL, *argv, check=False)


def monitor(forage: Activated, name: str = "coder") -> dict[str, Any]:
    done = ctl(forage, "monitor", "--json", *SINCE, name)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def packets(forage: Activated, reason: str, name: str = "coder") -> int:
    return int(monitor(forage, name)["refused"][reason]["packets"])


def _knock_from_outside(forage: Activated) -> None:
    address = str(forage.sandbox("coder").address)
    outside = ("ip", "netns", "exec", NAMESPACE)
    forage.host.run(*outside, "ip", "route", "add", "10.100.0.0/16", "via", "198.18.0.2")
    knock = ("curl", "--silent", "--max-time", "0.5", f"http://{address}/")
    forage.host.run(*outside, *knock, check=False)
    forage.host.run(*outside, "ip", "route", "delete", "10.100.0.0/16")


def _forge(forage: Activated, kind: int, payload: bytes) -> None:
    send(
        forage, "coder", frame(mac_of_host(forage, "coder"), mac_of(forage, "coder"), kind, payload)
    )


def _look_for_another_resolver(forage: Activated) -> None:
    look_up(forage.host.sandbox("coder"), "allowed.example.net", server="198.18.0.53")


def _look_up_what_is_not_listed(forage: Activated) -> None:
    assert look_up(forage.host.sandbox("coder"), "other.example.net") == []


def _reach_a_neighbour(forage: Activated) -> None:
    forage.running("neighbour")
    fetch(forage.host.sandbox("coder"), f"{forage.sandbox('neighbour').address}:8000")


def _forge_a_source(forage: Activated) -> None:
    other = str(forage.sandbox("neighbour").address)
    _forge(forage, IPV4, ipv4(other, PUBLIC, UDP, udp(1000, 53)))


def _forge_options(forage: Activated) -> None:
    own, options = str(forage.sandbox("coder").address), b"\x07\x0b\x04" + b"\0" * 9
    _forge(forage, IPV4, ipv4(own, PUBLIC, UDP, udp(1000, 53), options=options))


def _send_ipv6(forage: Activated) -> None:
    # The host's end of the link takes none; without that, the fence is next.
    off = f"/proc/sys/net/ipv6/conf/{forage.sandbox('coder').interface}/disable_ipv6"
    forage.host.sh('echo 0 >"$1"', off)
    _forge(forage, IPV6, b"\x60\0\0\0\0\0\x3b\x40" + b"\xfe\x80" + b"\0" * 13 + b"\1" * 17)
    forage.host.sh('echo 1 >"$1"', off)


def _send_quic(forage: Activated) -> None:
    knock = "import socket; socket.socket(2, 2).sendto(b'x', ('{}', 443))"
    forage.host.sandbox("coder").run("python3", "-c", knock.format(NAMES["allowed.example.net"]))


TRIES = {
    "private": lambda forage: fetch(forage.host.sandbox("coder"), "192.168.77.30:81"),
    "unlisted": lambda forage: fetch(forage.host.sandbox("coder"), f"{PUBLIC}:81"),
    "host": lambda forage: fetch(forage.host.sandbox("coder"), "198.18.0.2:9090"),
    "sandbox": _reach_a_neighbour,
    "dns": _look_for_another_resolver,
    "quic": _send_quic,
    "name": _look_up_what_is_not_listed,
    "source": _forge_a_source,
    "packet": _forge_options,
    "ipv6": _send_ipv6,
    "unasked": _knock_from_outside,
}


# What was refused: protocol, address, port, and what allows it.
LOGGED = {
    "private": ("tcp", "192.168.77.30", 81, "192.168.77.30:81"),
    "unlisted": ("tcp", "198.18.1.15", 81, "198.18.1.15:81"),
    "host": ("tcp", "198.18.0.2", 9090, None),
    "sandbox": ("tcp", None, 8000, None),
    "dns": ("udp", "198.18.0.53", 53, None),
    "source": ("udp", "198.18.1.15", 53, None),
    "quic": ("udp", NAMES["allowed.example.net"], 443, None),
    "packet": ("udp", "198.18.1.15", 53, None),
    "ipv6": (None, None, None, None),
    "unasked": ("tcp", "198.18.0.1", 80, None),
}


@pytest.mark.parametrize("reason", TRIES)
def test_a_refusal_is_counted_by_sandbox_and_reason(logged: Activated, reason: str) -> None:
    before = monitor(logged)["refused"]
    TRIES[reason](logged)
    after = monitor(logged)["refused"]
    assert after[reason]["packets"] > before[reason]["packets"]
    others = set(before) - {reason}
    # dig looks up nothing on its own, and curl got addresses: nothing else is refused.
    assert {r: after[r] for r in others} == {r: before[r] for r in others}


@needs_log
def test_a_refusal_is_logged_with_what_allows_it(logged: Activated, seen: Sandbox) -> None:
    assert seen.state() == "running"

    def is_told(reason: str, refusals: list[dict[str, object]]) -> bool:
        protocol, address, port, allow = LOGGED[reason]
        return any(
            refusal["reason"] == reason
            and refusal["allow"] == allow
            and (not protocol or (refusal["protocol"], refusal["port"]) == (protocol, port))
            and (not address or refusal["address"] == address)
            for refusal in refusals
        )

    def are_told() -> bool:
        for reason in LOGGED:
            TRIES[reason](logged)
        refusals = monitor(logged)["refusals"]
        return all(is_told(reason, refusals) for reason in LOGGED)

    # The log has a limit. And all test hosts of this machine have one kernel and its log, so that
    # what the sandboxes of others tried may stand between.
    logged.host.wait_for(are_told, "all of it is in the journal", timeout=60)


def test_what_is_accepted_is_counted_both_ways(logged: Activated, seen: Sandbox) -> None:
    before, refused = monitor(logged), monitor(logged)["refused"]
    # By the proxy, by a name at a port of its own, and by an address.
    for place in ("allowed.example.net", "db.example.net:5432", "192.168.77.20:8080"):
        between = monitor(logged)
        assert fetch(seen, place)
        after = monitor(logged)
        for way in ("sent", "received"):
            assert after[way]["packets"] > between[way]["packets"]
            assert after[way]["bytes"] > between[way]["bytes"] + 100
    assert monitor(logged)["refused"] == refused
    assert before["sent"]["packets"] > 0


@pytest.mark.parametrize(
    ("name", "place"), [("office", "192.168.77.20:8080"), ("pinned", "pinned.example.net")]
)
def test_so_it_is_by_every_rule_that_accepts(logged: Activated, name: str, place: str) -> None:
    # The local network, and names that were looked up before the build.
    sandbox = logged.running(name)
    before = monitor(logged, name)["sent"]["bytes"]
    assert fetch(sandbox, place)
    # What opens the connection counts as well as what is established.
    between = monitor(logged, name)["sent"]
    assert fetch(sandbox, place)
    after = monitor(logged, name)["sent"]
    assert before + 100 < between["bytes"] < after["bytes"] - 100


def test_a_reload_keeps_the_counters_and_a_start_begins_anew(logged: Activated) -> None:
    TRIES["private"](logged)
    before = packets(logged, "private")
    assert before > 0
    logged.host.run(*RELOAD)
    assert packets(logged, "private") == before
    logged.fresh("coder")
    assert packets(logged, "private") == 0


@needs_log
def test_a_sandbox_cannot_drown_the_log_nor_another_ones(logged: Activated, seen: Sandbox) -> None:
    seen.run(
        *("python3", "-c"),
        "import socket\n"
        "udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
        "for _ in range(2000):\n"
        "    try:\n"
        "        udp.sendto(b'x', ('10.50.0.5', 4711))\n"
        "    except OSError:\n"
        "        pass\n",
    )
    assert packets(logged, "private") > 1000
    neighbour = logged.fresh("neighbour")
    fetch(neighbour, "10.50.0.5:4712")
    logged.host.wait_for(
        lambda: [r for r in monitor(logged, "neighbour")["refusals"] if r["port"] == 4712],
        "the other sandbox's refusal is logged",
    )
    assert len([r for r in monitor(logged)["refusals"] if r["port"] == 4711]) <= 12


def test_a_name_that_the_proxy_refused_is_told_with_what_allows_it(
    logged: Activated, seen: Sandbox
) -> None:
    at = ("--connect-to", f"::{NAMES['allowed.example.net']}:")
    for url in ("https://nobody.asked.example.org/", "http://plain.example.org/"):
        seen.run("curl", "--silent", "--insecure", *at, url, check=False)
    # An address in place of a name, and no name.
    seen.run("curl", "--silent", "http://192.168.77.30/", check=False)
    seen.run("curl", "--silent", "--insecure", "https://198.18.1.15/", check=False)
    # Bytes of the sandbox's own choice are not proposed to a person.
    seen.run("curl", "-s", *at, "-H", 'Host: x"],y=["', "http://a.example.org/", check=False)
    wanted = {"nobody.asked.example.org", "plain.example.org", "192.168.77.30:80"}
    logged.host.wait_for(lambda: wanted <= set(monitor(logged)["allowedHosts"]), "it is proposed")
    found = monitor(logged)
    assert {r["port"] for r in found["refusals"] if r["name"] in wanted} == {80, 443}
    assert [r["name"] for r in found["refusals"] if r["reason"] == "nameless"] == [None]
    assert not [name for name in found["allowedHosts"] if '"' in name or "[" in name]
    told = ctl(logged, "monitor", "coder").stdout
    assert "nobody.asked.example.org:443  a name that the template does not list" in told
    assert '  "nobody.asked.example.org",\n' in told


def _questions(*names: list[bytes], times: int = 1) -> str:
    """A program that asks the resolver for names of any bytes, by UDP."""
    packets = [
        struct.pack("!6H", number, 0x0100, 1, 0, 0, 0)
        + b"".join(bytes([len(label)]) + label for label in name)
        + struct.pack("!B2H", 0, 1, 1)
        for number, name in enumerate(names)
    ]
    return (
        "import socket\n"
        "udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
        "udp.settimeout(3)\n"
        "udp.connect(('10.100.0.1', 53))\n"
        f"for packet in {packets!r} * {times}:\n"
        "    udp.send(packet)\n"
        "    udp.recv(512)\n"
    )


def of_resolver(forage: Activated) -> list[dict[str, Any]]:
    return [r for r in monitor(forage)["refusals"] if r["reason"] == "name"]


HOSTILE = (
    [b"two\nlines", b"org"],
    [b"\x1b[31mred", b"org"],
    [b"a.b", b"org"],
    [b"caf\xe9", b"org"],
    [b"x config allowed is NXDOMAIN", b"org"],
    [b'"], "*', b"org"],
    [b"`id`$(id)", b"org"],
)


def test_a_name_that_the_resolver_refused_is_told_with_what_allows_it(
    logged: Activated, seen: Sandbox
) -> None:
    refused = ("Asked.example.org", "sub.allowed.example.net", "wild.example.net")
    for name in (*refused, "secret.wild.example.net"):
        assert look_up(seen, name) == []
    assert look_up(seen, "allowed.example.net")
    seen.run("dig", "+tcp", "+short", "tcp.example.org", user="agent")
    seen.run("python3", "-c", _questions(*HOSTILE), user="agent")
    # The control, of another sandbox of the template.
    assert look_up(logged.running("twin"), "of-twin.example.org") == []
    wanted = {*map(str.lower, refused), "secret.wild.example.net", "tcp.example.org"}
    logged.host.wait_for(lambda: wanted <= set(monitor(logged)["allowedHosts"]), "it is proposed")
    found = of_resolver(logged)
    names = {each["name"] for each in found}
    assert {"allowed.example.net", "of-twin.example.org"}.isdisjoint(names)
    assert "<name unprintable>" in names
    assert "x config allowed is nxdomain.org" in names
    assert all(name.isascii() and name.isprintable() for name in names)
    # Bytes of the sandbox's own choice are not proposed to a person.
    proposed = {each["allow"] for each in found if each["allow"]}
    assert all(re.fullmatch(r"[a-z0-9_-]+(\.[a-z0-9_-]+)+", name) for name in proposed)
    assert len(found) - len([each for each in found if each["allow"]]) >= len(HOSTILE)
    told = ctl(logged, "monitor", "coder").stdout
    assert "dns  asked.example.org  a name that the resolver does not answer" in told
    assert '  "asked.example.org",\n' in told
    assert "\x1b" not in told


def test_a_question_that_carries_too_much_is_told(logged: Activated, seen: Sandbox) -> None:
    name = f"{'l' * 60}.wild.example.net"
    assert look_up(seen, name) == []
    assert look_up(logged.running("twin"), f"of-twin-{'l' * 50}.wild.example.net") == []

    def told() -> list[dict[str, Any]]:
        return [each for each in monitor(logged)["refusals"] if each["reason"] == "tunnel"]

    logged.host.wait_for(told, "it is told")
    assert {each["name"] for each in told()} == {name}
    assert name not in monitor(logged)["allowedHosts"]
    said = ctl(logged, "monitor", "coder").stdout
    assert f"dns  {name}  a question that carries more than a name" in said
    assert "Write names that it needs into allowedHosts." in said


def of_journal(forage: Activated) -> str:
    forage.host.run("journalctl", "--sync")
    return forage.host.run("journalctl", "--quiet", f"--unit={RESOLVER}", *SINCE).stdout


def test_the_journal_has_no_line_of_what_is_answered(logged: Activated, seen: Sandbox) -> None:
    name = "api.wild.example.net"
    assert look_up(seen, name)
    assert name not in of_journal(logged)
    # The control: it is the unit that keeps it out.
    drop_in = f"/run/systemd/system/{RESOLVER}.d/all.conf"
    logged.host.write(drop_in, "[Service]\nLogFilterPatterns=\n")
    try:
        logged.host.run("systemctl", "daemon-reload")
        logged.host.run("systemctl", "reload", RESOLVER)
        logged.host.wait_for(lambda: look_up(seen, name), "names are back")
        assert f"query[A] {name}" in of_journal(logged)
    finally:
        logged.host.run("rm", drop_in)
        logged.host.run("systemctl", "daemon-reload")
        logged.host.run("systemctl", "reload", RESOLVER)
    logged.host.wait_for(lambda: look_up(seen, name), "names are back")


@pytest.mark.parametrize("transport", ["+notcp", "+tcp"])
def test_a_refused_name_is_counted_by_udp_and_by_tcp(
    logged: Activated, seen: Sandbox, transport: str
) -> None:
    dig = ("dig", "+tries=1", "+time=3", "+short", transport)
    before = packets(logged, "name")
    assert seen.run(*dig, "allowed.example.net", user="agent").stdout
    assert packets(logged, "name") == before
    for _ in range(3):
        assert not seen.run(*dig, "other.example.net", user="agent").stdout
    assert packets(logged, "name") == before + 3


# Says of every name that it does not exist, as a name server does: with an authority for that.
NAMELESS = """
import socket, struct
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind(("198.18.0.1", 5353))
soa = b"\\0" + struct.pack("!HHIH", 6, 1, 60, 22) + struct.pack("!2B5I", 0, 0, 1, 60, 60, 60, 60)
while True:
    question, client = udp.recvfrom(4096)
    end = question.index(b"\\0", 12) + 5
    head = question[:2] + struct.pack("!5H", 0x8583, 1, 0, 1, 0)
    udp.sendto(head + question[12:end] + soa, client)
"""


def test_a_name_that_does_not_exist_is_not_counted_as_refused(
    logged: Activated, seen: Sandbox
) -> None:
    logged.host.run(
        *("systemd-run", "--quiet", "--collect", "--unit=internet-nameless"),
        *(f"--property=NetworkNamespacePath=/run/netns/{NAMESPACE}", "python3", "-c", NAMELESS),
    )
    upstream = "resolver/upstream.conf"
    text = (logged.host.root / "srv/forage/tree" / upstream).read_text()
    logged.edit(upstream, f"{text}server=/nobody.wild.example.net/198.18.0.1#5353\n")
    logged.host.run("systemctl", "reload", "forage-upstream.service")
    try:
        logged.host.wait_for(
            lambda: rcode(seen, "a.nobody.wild.example.net") == "NXDOMAIN", "it is answered"
        )
        before = packets(logged, "name")
        assert rcode(seen, "b.nobody.wild.example.net") == "NXDOMAIN"
        assert packets(logged, "name") == before
        assert "b.nobody" not in of_journal(logged)
    finally:
        logged.host.run("systemctl", "stop", "internet-nameless")
        logged.mend()
        logged.host.run("systemctl", "reload", "forage-upstream.service")
        logged.host.wait_for(lambda: look_up(seen, "allowed.example.net"), "names are back")


def test_a_flood_of_refused_names_does_not_flood_the_journal(
    logged: Activated, seen: Sandbox
) -> None:
    logged.host.run("nft", "flush chain inet forage limit_questions")
    before = packets(logged, "name")
    try:
        seen.run("python3", "-c", _questions([b"flood", b"org"], times=3000), user="agent")
    finally:
        logged.host.run(*RELOAD)
    assert packets(logged, "name") >= before + 3000
    said = of_journal(logged)
    # journald allows a few times as much where the disk has room.
    assert 200 < said.count("config flood.org is NXDOMAIN") < 2500
    told = ctl(logged, "monitor", "coder").stdout
    assert told.count("flood.org") == 2  # once with how often, and what allows it
    assert "times)" in told


def test_a_person_reads_counters_reasons_and_remedies(logged: Activated, seen: Sandbox) -> None:
    assert seen.state() == "running"
    for reason in ("name", "host"):
        TRIES[reason](logged)
    told = ctl(logged, "monitor", "coder").stdout
    assert "coder: template coder, network restricted" in told
    assert "a name that the resolver does not answer" in told
    assert "of this host, sandboxes reach the resolver alone" in told


def test_one_without_network_has_nothing_to_tell(logged: Activated) -> None:
    assert monitor(logged, "review")["refusals"] == []
    assert "no interface" in ctl(logged, "monitor", "review").stdout


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        (("monitor", "nobody"), 2, "there is no sandbox nobody"),
        (("monitor", "../../etc"), 2, "there is no sandbox"),
        (("monitor",), 1, "usage"),
        (("monitor", "coder", "--since=never"), 1, "the journal cannot be read"),
        (("../libexec/forage-reset", "coder"), 1, "there is no command"),
        ((), 1, "usage"),
    ],
)
def test_what_cannot_be_told_has_an_exit_code(
    logged: Activated, argv: tuple[str, ...], code: int, said: str
) -> None:
    done = ctl(logged, *argv)
    assert (done.returncode, said in done.stderr) == (code, True), done.stderr
