"""DNS is a narrow way out: it carries no more than names and addresses, and not many of them."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from forage_gen.resolve.allocate import QUESTIONS_PORT
from forage_gen.resolve.policy import BELOW_MAX, LABEL_MAX, NAMES_A_MINUTE
from tests.host.probes import look_up
from tests.host.project_on_host import NAMES
from tests.testhost.internet import (
    DATA_BYTES,
    DATA_NAME,
    LARGE_NAME,
    LARGE_SIZE,
    LARGE_TYPE,
    MADE_UP_TYPE,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.host.activate import Activated
    from tests.testhost.host import Sandbox
    from tests.testhost.internet import Internet

ALLOWED, ALLOWED_BELOW = "allowed.example.net", "wild.example.net"
RESOLVER = "forage-resolver@coder.service"
QUESTIONS = "forage-questions.service"
CHAIN = "limit_questions"
DROPPED = "refused_questions"

# Asks for names in which the data are: 45 letters a label, two labels a name.
TUNNEL = """
import itertools, socket, struct, sys, time
transport, mark, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
def question(number):
    labels = [f"{number:05}".ljust(45, "x"), "y" * 40, mark, "wild", "example", "net"]
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


@contextmanager
def any_question(forage: Activated) -> Iterator[None]:
    """Let every question through: the control."""
    file = "resolver/questions.lua"
    text = (forage.host.root / "srv/forage/tree" / file).read_text()
    forage.edit(file, text.replace("  if not why then", "  if true then"))
    forget(forage)
    try:
        yield
    finally:
        forage.mend()
        forget(forage)


def forget(forage: Activated) -> None:
    """Have what looks at the questions begin anew."""
    # It is not restarted any more when it is killed often.
    forage.host.run("systemctl", "reset-failed", QUESTIONS)
    forage.host.run("systemctl", "reload", QUESTIONS)
    ask = ("dig", "+tries=1", "+time=1", "@127.0.0.1", f"-p{QUESTIONS_PORT}", ALLOWED)
    forage.host.wait_for(
        lambda: "NOERROR" in forage.host.run(*ask, check=False).stdout, "it answers"
    )


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_tunnel_in_labels_below_a_wildcard_is_slowed_to_the_limit(
    forage: Activated, coder: Sandbox, internet: Internet, transport: str
) -> None:
    forage.host.run("systemctl", "reload", "forage-firewall.service")
    before = dropped(forage)
    with any_question(forage):
        came, taken = tunnel(coder, internet, transport, f"slow-{transport}")
    # 64 kbytes, then 6 a second, and a question of 100 bytes and more.
    assert 0 < came < (65536 + 6144 * taken) / 100
    assert dropped(forage) > before
    with no_limit(forage), any_question(forage):
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
    with any_question(forage):
        came, taken = reached(f"few-{way}")
        assert 100 < came < BURST + A_SECOND * (taken + 2)
        if way == "tls":
            assert dropped(forage) > before
    with no_limit_of_connections(forage):
        # Nobody has asked the resolver for these.
        came, _ = reached(f"new-{way}")
        assert came <= 2 * NAMES_A_MINUTE
        with any_question(forage):
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


@contextmanager
def no_filter(forage: Activated, coder: Sandbox) -> Iterator[None]:
    """Let answers of every type through: the control."""
    config = forage.sandbox("coder").template.resolver_file
    text = (forage.host.root / "srv/forage/tree" / config).read_text()
    without = [line for line in text.splitlines() if not line.startswith("filter-rr")]
    forage.edit(config, "\n".join(without) + "\n")
    reload(forage, coder)
    try:
        yield
    finally:
        forage.mend()
        reload(forage, coder)


@pytest.mark.parametrize("transport", ["+notcp", "+tcp"])
def test_answers_hold_no_bytes_at_will(forage: Activated, coder: Sandbox, transport: str) -> None:
    data = DATA_BYTES.encode().hex().upper()
    kinds = ("TXT", "TYPE10", "TYPE65399", "ANY")

    def got() -> list[str]:
        return [kind for kind in kinds if data in dig(coder, kind, transport)]

    assert got() == []
    with any_question(forage):
        assert got() == []
        with no_filter(forage, coder):
            assert got() == list(kinds)
    # Each alone is enough.
    with no_filter(forage, coder):
        assert got() == []


def asked(internet: Internet, *names: str) -> list[str]:
    """For which of some names the name servers of the internet were asked."""
    seen = {name.lower() for name in internet.queries()}
    return [name for name in names if name.lower() in seen]


REFUSED = {
    "text": (f"text.{ALLOWED_BELOW}", "TXT"),
    "null": (f"null.{ALLOWED_BELOW}", "NULL"),
    "any": (f"any.{ALLOWED_BELOW}", "ANY"),
    "made up": (f"type.{ALLOWED_BELOW}", f"TYPE{MADE_UP_TYPE}"),
    "of the listed name": (ALLOWED, "TXT"),
    "of another class": (f"class.{ALLOWED_BELOW}", "TXT", "CH"),
    "a long label": (f"{'l' * (LABEL_MAX + 1)}.{ALLOWED_BELOW}", "A"),
    "many labels": (f"{'many.' * (BELOW_MAX // 5)}x.{ALLOWED_BELOW}", "A"),
    "strange letters": (f"a\\032b.{ALLOWED_BELOW}", "A"),
}


@pytest.mark.parametrize("transport", ["+notcp", "+tcp"])
def test_a_question_that_no_program_needs_is_refused(
    forage: Activated, coder: Sandbox, internet: Internet, transport: str
) -> None:
    def came() -> list[str]:
        """Which of the questions are asked of the internet."""
        found = []
        for what, question in REFUSED.items():
            before = len(internet.queries())
            argv = ("dig", "+tries=1", "+time=3", transport, *question)
            answer = coder.run(*argv, user="agent", check=False).stdout
            asked = len(internet.queries()) > before
            assert ("status: REFUSED" in answer) == (not asked), answer
            found += [what] * asked
        return found

    assert came() == []
    with any_question(forage):
        assert came() == list(REFUSED)


def test_names_as_long_as_may_be_are_answered(coder: Sandbox, internet: Internet) -> None:
    names = [f"{'l' * LABEL_MAX}.{ALLOWED_BELOW}", f"{'x' * 40}.{'y' * 40}.{ALLOWED_BELOW}"]
    for name in names:
        look_up(coder, name)
    assert asked(internet, *names) == names


HALF_A_MINUTE = 30

# Asks for different names, and again for the first one.
DIFFERENT = """
import socket, sys
mark, count, below = sys.argv[1], int(sys.argv[2]), sys.argv[3]
for number in [*range(count), 0]:
    try:
        socket.getaddrinfo(f"{mark}-{number}.{below}", 443, socket.AF_INET)
    except OSError:
        pass
"""


def test_different_names_below_a_wildcard_are_few_in_a_minute(
    forage: Activated, coder: Sandbox, internet: Internet
) -> None:
    def came(sandbox: Sandbox, mark: str) -> int:
        argv = ("python3", "-c", DIFFERENT, mark, str(2 * NAMES_A_MINUTE), ALLOWED_BELOW)
        sandbox.run(*argv, user="agent", timeout=120)
        time.sleep(0.5)
        return len({name for name in internet.queries() if name.startswith(f"{mark}-")})

    twin = forage.running("twin")
    forget(forage)
    forage.host.wait_for(lambda: time.time() % 60 < HALF_A_MINUTE, "no minute ends meanwhile")
    assert came(coder, "of-many") == NAMES_A_MINUTE
    # It cannot say that it were another sandbox, and takes nothing from that.
    spoof = f"+subnet={forage.sandbox('twin').address}/32"
    names = [f"spoofed-{number}.{ALLOWED_BELOW}" for number in range(5)]
    for name in names:
        coder.run("dig", "+tries=1", "+time=2", spoof, name, user="agent", check=False)
    assert asked(internet, *names) == []
    assert came(twin, "of-twin") == NAMES_A_MINUTE
    with any_question(forage):
        assert came(coder, "of-all") == 2 * NAMES_A_MINUTE


def test_a_proxy_may_look_up_what_a_sandbox_has_asked_for(
    forage: Activated, coder: Sandbox, internet: Internet
) -> None:
    forget(forage)
    forage.host.wait_for(lambda: time.time() % 60 < HALF_A_MINUTE, "no minute ends meanwhile")
    argv = ("python3", "-c", CONNECTIONS, "http", "unasked", "200", NAMES[ALLOWED])
    coder.run(*argv, user="agent", timeout=120)
    # It has used up what may be looked up unasked: the control.
    name = f"asked.{ALLOWED_BELOW}"
    internet.record(name, NAMES[ALLOWED])
    straight = ("curl", "--silent", "--max-time", "8", "--resolve", f"{name}:80:{NAMES[ALLOWED]}")
    argv = (*straight, f"http://{name}/")
    assert f"{NAMES[ALLOWED]}:80" not in coder.run(*argv, user="agent", check=False).stdout
    assert look_up(coder, name) == [NAMES[ALLOWED]]
    assert f"{NAMES[ALLOWED]}:80" in coder.run(*argv, user="agent").stdout


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
