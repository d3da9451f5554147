"""DNS is a narrow way out: it carries no more than names and addresses, and not many of them."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.host.probes import look_up
from tests.host.project_on_host import NAMES
from tests.testhost.internet import DATA_BYTES, DATA_NAME, LARGE_NAME, LARGE_SIZE, LARGE_TYPE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.host.activate import Activated
    from tests.testhost.host import Sandbox
    from tests.testhost.internet import Internet

ALLOWED = "allowed.example.net"
RESOLVER = "forage-resolver@coder.service"
CHAIN = "limit_questions"
DROPPED = "refused_questions"

# Asks for names in which the data are: a file of 60 letters a label, two labels a name.
TUNNEL = """
import itertools, socket, struct, sys, time
transport, mark, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
def question(number):
    labels = [f"{number:05}".ljust(60, "x"), "y" * 60, mark, "wild", "example", "net"]
    name = b"".join(bytes([len(label)]) + label.encode() for label in labels) + b"\\0"
    return struct.pack("!6H", number, 256, 1, 0, 0, 0) + name + struct.pack("!2H", 1, 1)
end = time.monotonic() + 20
if transport == "udp":
    out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    out.connect(("10.100.0.1", 53))
    for number in range(count):
        try:
            out.send(question(number))
        except OSError:
            pass
        time.sleep(0.002)
else:
    for start in range(0, count, 90):
        questions = [question(number) for number in range(start, min(start + 90, count))]
        try:
            with socket.create_connection(("10.100.0.1", 53), timeout=3) as out:
                out.sendall(b"".join(struct.pack("!H", len(q)) + q for q in questions))
                answers = out.makefile("rb")
                for _ in questions:
                    answers.read(struct.unpack("!H", answers.read(2))[0])
        except (OSError, struct.error):
            pass
        if time.monotonic() > end:
            break
"""
COUNT = 1500


def tunnel(sandbox: Sandbox, internet: Internet, transport: str, mark: str) -> tuple[int, float]:
    """How many of the questions reach a name server of the internet, and in what time."""
    begun = time.monotonic()
    sandbox.run("python3", "-c", TUNNEL, transport, mark, str(COUNT), user="agent", timeout=120)
    taken = time.monotonic() - begun
    time.sleep(0.5)
    return len({name for name in internet.queries() if f".{mark}.wild." in name}), taken


def dropped(forage: Activated) -> int:
    """How many packets the limits have dropped, of all sandboxes that run."""
    words = forage.host.run("nft", "list", "set", "inet", "forage", DROPPED).stdout.split()
    return sum(int(words[at + 2]) for at, word in enumerate(words) if word == "counter")


@contextmanager
def no_limit(forage: Activated, *chains: str) -> Iterator[None]:
    """Take the limits away: the control."""
    for chain in chains or (CHAIN,):
        forage.host.run("nft", f"flush chain inet forage {chain}")
    try:
        yield
    finally:
        forage.host.run("systemctl", "reload", "forage-firewall.service")


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_tunnel_in_labels_below_a_wildcard_is_slowed_to_the_limit(
    forage: Activated, coder: Sandbox, internet: Internet, transport: str
) -> None:
    forage.host.run("systemctl", "reload", "forage-firewall.service")
    before = dropped(forage)
    came, taken = tunnel(coder, internet, transport, f"slow-{transport}")
    # 64 kbytes, then 6 a second, and a question of 140 bytes and more.
    assert 0 < came < (65536 + 6144 * taken) / 140
    assert dropped(forage) > before
    with no_limit(forage):
        came, _ = tunnel(coder, internet, transport, f"free-{transport}")
    assert came > COUNT * 0.9


# Asks again and again for what is large, many times in a segment, and says how much it got.
FETCH = """
import socket, struct, sys, time
name, kind, end = sys.argv[1], int(sys.argv[2]), time.monotonic() + float(sys.argv[3])
labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
question = struct.pack("!6H", 1, 256, 1, 0, 0, 0) + labels + struct.pack("!B2H", 0, kind, 1)
got = 0
while time.monotonic() < end:
    try:
        with socket.create_connection(("10.100.0.1", 53), timeout=1) as out:
            out.sendall((struct.pack("!H", len(question)) + question) * 90)
            while time.monotonic() < end and (more := out.recv(65536)):
                got += len(more)
    except OSError:
        pass
print(got)
"""


def test_what_comes_back_is_slowed_as_well(forage: Activated, coder: Sandbox) -> None:
    def fetched() -> tuple[int, float]:
        begun = time.monotonic()
        argv = ("python3", "-c", FETCH, LARGE_NAME, str(LARGE_TYPE), "8")
        got = int(coder.run(*argv, user="agent", timeout=60).stdout)
        return got, time.monotonic() - begun

    forage.host.run("systemctl", "reload", "forage-firewall.service")
    before = dropped(forage)
    got, taken = fetched()
    # Of a kind that no filter knows.
    assert LARGE_SIZE < got < 256 * 1024 + 16 * 1024 * taken
    assert dropped(forage) > before
    with no_limit(forage, "limit_answers"):
        free, _ = fetched()
    assert free > got * 3 // 2


# Has the proxy look up names in which the data are: by TLS, or by one connection of HTTP.
CONNECTIONS = """
import http.client, selectors, socket, ssl, sys, time
way, mark, count, address = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
context = ssl._create_unverified_context()
def name(number):
    return f"{number:05}.{mark}.wild.example.net"
def hello(number):
    coming, going = ssl.MemoryBIO(), ssl.MemoryBIO()
    try:
        context.wrap_bio(coming, going, server_hostname=name(number)).do_handshake()
    except ssl.SSLWantReadError:
        return going.read()
if way == "tls":
    connecting = selectors.DefaultSelector()
    connected = []
    def send(wait):
        for key, _ in connecting.select(wait):
            connecting.unregister(key.fileobj)
            connected.append(key.fileobj)
            try:
                key.fileobj.send(key.data)
            except OSError:
                pass
    for number in range(count):
        out = socket.socket()
        out.setblocking(False)
        out.connect_ex((address, 443))
        connecting.register(out, selectors.EVENT_WRITE, hello(number))
        time.sleep(0.003)  # the resolver behind the proxy takes 150 questions at once
        send(0)
    send(1)
    time.sleep(2)
else:
    connection = http.client.HTTPConnection(address, 80, timeout=5)
    for number in range(count):
        connection.request("HEAD", "/", headers={"Host": name(number)})
        connection.getresponse().read()
"""
BURST, A_SECOND = 500, 25


@pytest.mark.parametrize("way", ["tls", "http"])
def test_so_is_one_in_the_names_that_the_proxy_looks_up(
    forage: Activated, coder: Sandbox, internet: Internet, way: str
) -> None:
    def reached(mark: str) -> tuple[int, float]:
        begun = time.monotonic()
        argv = ("python3", "-c", CONNECTIONS, way, mark, "900", NAMES[ALLOWED])
        coder.run(*argv, user="agent", timeout=120)
        taken = time.monotonic() - begun
        time.sleep(1)
        return len({name for name in internet.queries() if f".{mark}.wild." in name}), taken

    forage.host.run("systemctl", "reload", "forage-firewall.service")
    before = dropped(forage)
    came, taken = reached(f"few-{way}")
    assert 100 < came < BURST + A_SECOND * (taken + 2)
    if way == "tls":
        assert dropped(forage) > before
    with no_limit_of_connections(forage):
        came, _ = reached(f"many-{way}")
    assert came > 800


@contextmanager
def no_limit_of_connections(forage: Activated) -> Iterator[None]:
    """Take the limits of connections and of requests away: the control."""
    template = forage.sandbox("coder").template
    tree = forage.host.root / "srv/forage/tree"
    rules = f"nftables/templates/{template.name}.nft"
    for path, word in ((rules, "@connections"), (template.proxy_file, "limit_req ")):
        lines = (tree / path).read_text().splitlines()
        forage.edit(path, "\n".join(line for line in lines if word not in line) + "\n")
    load = ("systemctl", "reload", "forage-firewall.service", template.proxy_unit)
    forage.host.run(*load)
    try:
        yield
    finally:
        forage.mend()
        forage.host.run(*load)


def test_one_sandbox_takes_nothing_from_another(forage: Activated, coder: Sandbox) -> None:
    shared = forage.running("shared")
    use_up = ("python3", "-c", TUNNEL, "udp", "neighbour", "800")
    coder.run(*use_up, user="agent")
    before = dropped(forage)
    assert look_up(shared, ALLOWED) == [NAMES[ALLOWED]]
    assert dropped(forage) == before
    forage.host.run("systemctl", "reload", "forage-firewall.service")


def test_what_opens_many_connections_at_once_does_not_notice(
    forage: Activated, coder: Sandbox
) -> None:
    forage.host.run("systemctl", "reload", "forage-firewall.service")
    before = dropped(forage)
    look = f"import socket\nfor _ in range(240):\n    socket.getaddrinfo({ALLOWED!r}, 443)\n"
    coder.run("python3", "-c", look, user="agent", timeout=30)
    assert dropped(forage) == before


def dig(sandbox: Sandbox, kind: str, *options: str) -> str:
    """Everything that an answer holds."""
    argv = ("dig", "+tries=1", "+time=2", "+noall", "+answer", "+unknownformat", *options)
    return sandbox.run(*argv, DATA_NAME, kind, user="agent", check=False).stdout


@pytest.mark.parametrize("kind", ["TXT", "TYPE10", "TYPE65399", "ANY"])
@pytest.mark.parametrize("transport", ["+notcp", "+tcp"])
def test_answers_hold_no_bytes_at_will(
    forage: Activated, coder: Sandbox, kind: str, transport: str
) -> None:
    data = DATA_BYTES.encode().hex().upper()
    assert data not in dig(coder, kind, transport)
    config = forage.sandbox("coder").template.resolver_file
    text = (forage.host.root / "srv/forage/tree" / config).read_text()
    without = [line for line in text.splitlines() if not line.startswith("filter-rr")]
    forage.edit(config, "\n".join(without) + "\n")
    reload(forage, coder)
    try:
        assert data in dig(coder, kind, transport)
    finally:
        forage.mend()
        reload(forage, coder)


def reload(forage: Activated, coder: Sandbox) -> None:
    forage.host.run("systemctl", "reload", RESOLVER)
    forage.host.wait_for(lambda: look_up(coder, ALLOWED), "names are back")


# What 2.89 says, which does not know the option.
OLD = """#!/bin/sh
case "$*" in
  *--filter-rr*) echo "dnsmasq: bad command line options: try --help" >&2; exit 1 ;;
esac
exec /usr/sbin/dnsmasq "$@"
"""


def test_a_dnsmasq_that_is_too_old_keeps_it_down_and_says_so(forage: Activated) -> None:
    forage.stop_all()
    old = "/usr/local/sbin/dnsmasq"
    forage.host.write(old, OLD, mode=0o755)
    try:
        forage.refuses("coder", f"needs {RESOLVER}", "dnsmasq is too old: it has to be 2.90")
        assert forage.running("research").state() == "running"
    finally:
        forage.host.run("rm", old)
    forage.mend()
    assert forage.running("coder").state() == "running"
