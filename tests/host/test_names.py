"""Names are enforced as names: what is asked for counts, not the address that is dialled."""

from __future__ import annotations

import random
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import pytest

from forage_gen.quote import nginx
from tests.host.probes import look_up
from tests.host.project_on_host import NAMES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.host.activate import Activated
    from tests.testhost.host import Sandbox, TestHost
    from tests.testhost.internet import Internet

ALLOWED = "allowed.example.net"
TWIN = "twin.example.net"  # on the same address
FOREIGN = NAMES["other.example.net"]
HOST = "198.18.0.2"  # the test host's own public address
PROXY = "forage-proxy@coder.service"

# What a TLS server says first: the record of a handshake, or of an alert.
HANDSHAKE, ALERT, NOTHING = "16", "15", ""

# Sends a ClientHello with a name of any bytes, in parts of a size, and prints the first byte of
# the answer. Python itself checks names, so a name of the same length is exchanged.
HELLO = """
import socket, ssl, sys
address, port, name, size = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
out = ssl.MemoryBIO()
# Labels of one letter, as long as the name is.
stand_in = (("a." * 128)[: len(name) - 1] + "a").replace("..", ".a") if name else None
tls = context.wrap_bio(ssl.MemoryBIO(), out, server_hostname=stand_in)
try:
    tls.do_handshake()
except ssl.SSLWantReadError:
    pass
hello = out.read()
if name:
    assert hello.count(stand_in.encode()) == 1
    wanted = name.encode().decode("unicode_escape").encode("latin-1")
    # An escape is one byte: the rest of the length goes before the first dot.
    wanted = wanted.replace(b".", b"x" * (len(stand_in) - len(wanted)) + b".", 1)
    hello = hello.replace(stand_in.encode(), wanted)
connection = socket.create_connection((address, port), timeout=15)
connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
for start in range(0, len(hello), size):
    connection.sendall(hello[start : start + size])
try:
    print(connection.recv(1).hex())
except ConnectionResetError:
    print("")
"""


def hello(sandbox: Sandbox, name: str, address: str = NAMES[ALLOWED], *, size: int = 65536) -> str:
    """The first byte of what answers a ClientHello for the name, sent to the address."""
    command = ("python3", "-c", HELLO, address, "443", name, str(size))
    done = sandbox.run(*command, user="agent", check=False)
    assert "AssertionError" not in done.stderr, done.stderr
    return done.stdout.strip() if not done.returncode else NOTHING


def get(sandbox: Sandbox, url: str, *options: str) -> str:
    """What the agent gets from a URL; empty if nothing."""
    command = ("curl", "--silent", "--insecure", "--max-time", "10", *options, url)
    return sandbox.run(*command, user="agent", check=False).stdout


def at(name: str, address: str) -> tuple[str, ...]:
    """Have curl ask for a name at an address that is not its own."""
    return ("--resolve", f"{name}:443:{address}", "--resolve", f"{name}:80:{address}")


@contextmanager
def proxy_down(host: TestHost) -> Iterator[None]:
    """Admit the addresses of names, as a fence without a proxy does: the control."""
    host.run("nft", "flush chain inet forage t_coder_proxy")
    host.run("nft", "insert rule inet forage t_coder tcp dport { 80, 443 } accept")
    try:
        yield
    finally:
        host.run("systemctl", "reload", "forage-firewall.service")


def heard(internet: Internet, name: str) -> int:
    """How often servers of the internet were asked for a name."""
    addresses = {*NAMES.values(), HOST}
    return sum(r.host == name for address in addresses for r in internet.requests(address))


# -- how the configuration is read ---------------------------------------------

READ = """
pid {0}/pid;
error_log {0}/log;
worker_processes 1;
events {{}}
http {{
    access_log off;
    client_body_temp_path {0}/b;
    proxy_temp_path {0}/p;
    map_hash_bucket_size 512;
    map_hash_max_size 65536;
    map $arg_name $found {{
        hostnames;
        default none;
{1}
    }}
    server {{
        listen unix:{0}/socket;
        return 200 "$found\\n";
    }}
}}
"""


def test_nginx_reads_each_name_as_it_was_written(host: TestHost) -> None:
    pick = random.Random(7)  # noqa: S311  # no secret
    letters = "abcxyz0189_"
    labels = ["".join(pick.choices(letters, k=pick.choice([1, 2, 20, 63]))) for _ in range(200)]
    labels += ["default", "hostnames", "include", "volatile", "xn--bcher-kva", "a-b", "1"]
    names = sorted({".".join(pick.choices(labels, k=pick.choice([2, 3]))) for _ in range(300)})
    wild = sorted({f"{pick.choice(labels)}.wild{number}.org" for number in range(50)})
    lines = [f"{nginx.domain(name)} {nginx.authority(name, 443)};" for name in names]
    lines += [f"{nginx.below(name)} {nginx.authority(name, 80)};" for name in wild]
    place = "/run/read-nginx"
    host.write(f"{place}/conf", READ.format(place, "\n".join(lines)))
    ask = [f"http://x/?name={name}" for name in (*names, *(f"x.{name}" for name in wild), *wild)]
    host.sh(f"nginx -e {place}/log -c {place}/conf </dev/null >{place}/log 2>&1")
    try:
        found = host.run("curl", "--silent", "--unix-socket", f"{place}/socket", *ask).stdout
    finally:
        host.sh(f"kill $(<{place}/pid)")
    expected = [f"{name}:443" for name in names] + [f"{name}:80" for name in wild]
    assert found.split() == [*expected, *("none" for _ in wild)]


# -- what passes ---------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_an_allowed_name_is_reached(coder: Sandbox, scheme: str) -> None:
    port = {"http": 80, "https": 443}[scheme]
    assert get(coder, f"{scheme}://{ALLOWED}/") == f"{NAMES[ALLOWED]}:{port}"
    assert get(coder, f"{scheme}://{ALLOWED.upper()}/") == f"{NAMES[ALLOWED]}:{port}"


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_whatever_address_is_dialled_the_name_decides(
    coder: Sandbox, internet: Internet, scheme: str
) -> None:
    port = {"http": 80, "https": 443}[scheme]
    got = get(coder, f"{scheme}://{ALLOWED}/", *at(ALLOWED, FOREIGN))
    assert got == f"{NAMES[ALLOWED]}:{port}"
    assert not [r for r in internet.requests(FOREIGN) if r.host == ALLOWED]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_names_below_a_wildcard_are_reached(coder: Sandbox, scheme: str) -> None:
    assert get(coder, f"{scheme}://api.wild.example.net/").startswith("198.18.1.12:")


def test_an_address_that_is_allowed_goes_past_the_proxy(coder: Sandbox) -> None:
    assert get(coder, "http://192.168.77.20:8080/") == "192.168.77.20:8080"


@pytest.mark.parametrize("size", [1, 7, 100])
def test_a_hello_in_many_parts_is_read_all_the_same(coder: Sandbox, size: int) -> None:
    assert hello(coder, ALLOWED, size=size) == HANDSHAKE
    assert hello(coder, TWIN, size=size) == ALERT


# -- what does not -------------------------------------------------------------


def test_two_names_on_one_address_do_not_open_each_other(
    forage: Activated, coder: Sandbox, internet: Internet
) -> None:
    before = heard(internet, TWIN)
    for scheme in ("http", "https"):
        got = get(coder, f"{scheme}://{TWIN}/", *at(TWIN, NAMES[ALLOWED]))
        assert "198.18" not in got
    assert heard(internet, TWIN) == before
    with proxy_down(forage.host):
        for scheme in ("http", "https"):
            got = get(coder, f"{scheme}://{TWIN}/", *at(TWIN, NAMES[ALLOWED]))
            assert got.startswith(NAMES[ALLOWED])
    assert heard(internet, TWIN) == before + 2


@pytest.mark.parametrize(
    "name",
    [
        TWIN,
        "",  # no SNI at all
        "wild.example.net",
        "evilwild.example.net",
        ".wild.example.net",
        "-.wild.example.net",
        f"{ALLOWED}.example.org",
        f"x{ALLOWED}",
        # What nginx would take for something else than a name.
        "unix:/run/systemd/notify.wild.example.net",
        "unix:/run/x.sock:.wild.example.net",
        "127.0.0.1:22/.wild.example.net",
        "[::1]:22.wild.example.net",
        "$ssl_preread_server_name.wild.example.net",
        r"a\x00.wild.example.net",
        r"a\x0a.wild.example.net",
        "a b.wild.example.net",
        "198.18.1.15",
        NAMES[ALLOWED],
    ],
)
def test_other_names_get_an_alert(coder: Sandbox, name: str) -> None:
    assert hello(coder, name) == ALERT


def test_what_is_no_tls_gets_nothing(coder: Sandbox, internet: Internet) -> None:
    before = len(internet.requests(NAMES[ALLOWED]))
    assert get(coder, f"http://{ALLOWED}:443/") == ""
    assert len(internet.requests(NAMES[ALLOWED])) == before


REQUESTS = {
    "a host that is not allowed": f"GET / HTTP/1.1\r\nHost: {TWIN}\r\n\r\n",
    "an absolute form, which wins": f"GET http://{TWIN}/ HTTP/1.1\r\nHost: {ALLOWED}\r\n\r\n",
    "no host": "GET / HTTP/1.1\r\n\r\n",
    "an empty host": "GET / HTTP/1.1\r\nHost:\r\n\r\n",
    "HTTP/1.0 without a host": "GET / HTTP/1.0\r\n\r\n",
    "HTTP/0.9": "GET /\r\n",
    "two hosts": f"GET / HTTP/1.1\r\nHost: {ALLOWED}\r\nHost: {TWIN}\r\n\r\n",
    "two hosts, the other way": f"GET / HTTP/1.1\r\nHost: {TWIN}\r\nHost: {ALLOWED}\r\n\r\n",
    "a folded host": f"GET / HTTP/1.1\r\nHost:\r\n {TWIN}\r\n\r\n",
    "a user before the host": f"GET / HTTP/1.1\r\nHost: {ALLOWED}@{TWIN}\r\n\r\n",
    "an address": f"GET / HTTP/1.1\r\nHost: {NAMES[ALLOWED]}\r\n\r\n",
    "a tunnel": f"CONNECT {TWIN}:443 HTTP/1.1\r\nHost: {TWIN}\r\n\r\n",
    "a tunnel by an allowed name": f"CONNECT {ALLOWED}:443 HTTP/1.1\r\nHost: {ALLOWED}\r\n\r\n",
    "two lengths": (
        f"POST / HTTP/1.1\r\nHost: {ALLOWED}\r\nContent-Length: 4\r\n"
        f"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: {TWIN}\r\n\r\n"
    ),
    "HTTP/2 without TLS": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
}
RAW = """
import socket, sys
connection = socket.create_connection((sys.argv[1], 80), timeout=2)
connection.sendall(sys.argv[2].encode())
answer = b""
try:
    while part := connection.recv(65536):
        answer += part
except TimeoutError:
    pass
print(answer.decode("latin-1"))
"""


def raw(sandbox: Sandbox, request: str) -> str:
    done = sandbox.run("python3", "-c", RAW, NAMES[ALLOWED], request, user="agent", check=False)
    return done.stdout


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
def test_other_hosts_are_refused(coder: Sandbox, internet: Internet, request_: str) -> None:
    before = len(internet.requests(NAMES[ALLOWED]))
    answer = raw(coder, request_)
    assert f"{NAMES[ALLOWED]}:80" not in answer
    assert " 200 " not in answer
    assert len(internet.requests(NAMES[ALLOWED])) == before


def test_the_probe_gets_an_answer_where_it_may(coder: Sandbox) -> None:
    assert f"{NAMES[ALLOWED]}:80" in raw(coder, f"GET / HTTP/1.1\r\nHost: {ALLOWED}\r\n\r\n")


def test_each_request_of_a_connection_is_judged_alone(coder: Sandbox, internet: Internet) -> None:
    before = heard(internet, TWIN)
    lines = [f"GET / HTTP/1.1\r\nHost: {name}\r\n\r\n" for name in (ALLOWED, TWIN, ALLOWED)]
    answer = raw(coder, "".join(lines))
    assert answer.count(" 200 ") == 2
    assert answer.count(" 403 ") == 1
    assert heard(internet, TWIN) == before


def test_a_refusal_says_so(coder: Sandbox) -> None:
    said = get(coder, f"http://{TWIN}/", *at(TWIN, NAMES[ALLOWED]))
    assert said == f"forage: this sandbox may not reach {TWIN}\n"
    tls = coder.run(
        *("curl", "--silent", "--show-error", *at(TWIN, NAMES[ALLOWED]), f"https://{TWIN}/"),
        user="agent",
        check=False,
    )
    assert "unrecognized name" in tls.stderr


def test_a_refusal_is_in_the_hosts_journal(forage: Activated, coder: Sandbox) -> None:
    name = "nobody.asked.example.net"
    get(coder, f"https://{name}/", *at(name, NAMES[ALLOWED]))
    address = forage.sandbox("coder").address
    forage.host.wait_for(
        lambda: f'{address} tls "{name}" refused' in forage.host.journal(PROXY),
        "the refusal is logged",
    )


def test_quic_is_refused_at_once(coder: Sandbox) -> None:
    script = (
        "import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\ns.settimeout(5)\n"
        f"s.connect(({NAMES[ALLOWED]!r}, 443))\ns.send(b'x' * 1200)\n"
        "try:\n    s.recv(1)\nexcept OSError as error:\n    print(type(error).__name__)\n"
    )
    said = coder.run("python3", "-c", script, user="agent").stdout
    assert said.strip() in {"OSError", "ConnectionRefusedError", "PermissionError"}


# -- exceptions from a wildcard ------------------------------------------------

SECRET = NAMES["secret.wild.example.net"]  # of allowed names as well
EXCEPTED = ("secret.wild.example.net", "hr.internal.wild.example.net")


@contextmanager
def no_exceptions(forage: Activated) -> Iterator[None]:
    """Take the exceptions out of what enforces them: the control."""
    template = forage.sandbox("coder").template
    names = [each.name for each in template.exceptions]
    for path in (template.proxy_file, template.resolver_file):
        text = (forage.host.root / "srv/forage/tree" / path).read_text()
        lines = [
            line
            for line in text.splitlines()
            if not any(name in line.replace("\\", "") for name in names) or "open." in line
        ]
        forage.edit(path, "\n".join(lines) + "\n")
    reload = ("systemctl", "reload", PROXY, template.resolver_unit)
    forage.host.run(*reload)
    forage.host.wait_for(lambda: look_up(forage.running("coder"), ALLOWED), "names are back")
    try:
        yield
    finally:
        forage.mend()
        forage.host.run(*reload)
        forage.host.wait_for(lambda: look_up(forage.running("coder"), ALLOWED), "names are back")


def reaches_excepted(sandbox: Sandbox, name: str) -> list[str]:
    """The ways in which an excepted name can be reached: by look-up, TLS and HTTP."""
    spellings = (name, name.upper(), f"{name}.")
    ways = [f"look up {each}" for each in spellings if look_up(sandbox, each)]
    ways += [f"tls {e}" for e in spellings if hello(sandbox, e, SECRET) == HANDSHAKE]
    for each in spellings:
        got = get(sandbox, f"http://{SECRET}/", "--header", f"Host: {each}")
        ways += [f"http {each}"] if got.startswith("198.18") else []
    return ways


def test_an_exception_closes_what_the_wildcard_opens(forage: Activated, coder: Sandbox) -> None:
    for name in EXCEPTED:
        assert reaches_excepted(coder, name) == []
    with no_exceptions(forage):
        for name in EXCEPTED:
            assert len(reaches_excepted(coder, name)) == 9
    assert reaches_excepted(coder, EXCEPTED[0]) == []


@pytest.mark.parametrize(
    "name",
    [
        "deep.secret.wild.example.net",  # an exact exception is not what is below it
        "internal.wild.example.net",  # one of a wildcard is not its apex
        "open.internal.wild.example.net",  # listed itself
    ],
)
def test_an_exception_closes_no_other_name(coder: Sandbox, name: str) -> None:
    assert len(reaches_excepted(coder, name)) == 9


def test_an_exception_closes_other_ports_too(forage: Activated, coder: Sandbox) -> None:
    open_, excepted = "dev.data.example.net", "prod.data.example.net"
    place = f"{NAMES[excepted]}:5432"
    assert get(coder, f"http://{open_}:5432/") == f"{NAMES[open_]}:5432"
    assert get(coder, f"http://{excepted}:5432/") == ""
    assert get(coder, f"http://{place}/") == ""
    with no_exceptions(forage):
        assert get(coder, f"http://{excepted}:5432/") == place
        assert get(coder, f"http://{place}/") == place
    assert get(coder, f"http://{place}/") == ""


# -- names that lead elsewhere -------------------------------------------------


@pytest.fixture
def rotating(internet: Internet) -> Iterator[str]:
    """An allowed name that can be made to lead elsewhere."""
    name = "rotating.example.net"
    yield name
    internet.record(name, NAMES[name])


def test_a_name_that_moves_is_followed(
    forage: Activated, coder: Sandbox, internet: Internet, rotating: str
) -> None:
    for address in (NAMES["db.example.net"], FOREIGN, NAMES[rotating]):
        internet.record(rotating, address)
        # What is known of it is valid for its time to live: here less than a second.
        wanted = f"{address}:443"
        forage.host.wait_for(partial(leads_to, coder, rotating, wanted), "it is followed")


def leads_to(sandbox: Sandbox, name: str, place: str) -> bool:
    return get(sandbox, f"https://{name}/") == place


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", HOST, "192.168.77.30", "10.50.0.5", "169.254.169.254", "0.0.0.0"],  # noqa: S104
)
def test_a_name_cannot_lead_to_the_host_or_its_network(
    forage: Activated, coder: Sandbox, internet: Internet, rotating: str, address: str
) -> None:
    unit = "host-web.service"
    serve = ("python3", "-m", "http.server", "80", "--directory", "/etc/keys")
    forage.host.run("systemd-run", "--quiet", "--collect", f"--unit={unit}", *serve)
    forage.host.wait_for(
        lambda: forage.host.run("curl", "-s", "http://127.0.0.1/", check=False).stdout,
        "the host's own web server answers",
    )
    internet.record(rotating, address)
    got = get(coder, f"http://{rotating}/", *at(rotating, FOREIGN))
    forage.host.run("systemctl", "stop", unit)
    assert "probe" not in got
    assert address not in got


def test_the_proxies_are_for_sandboxes_alone(forage: Activated, coder: Sandbox) -> None:
    template = forage.sandbox("coder").template
    for port in (template.tls_port, template.http_port):
        script = f"import socket; socket.create_connection(('{{}}', {port}), timeout=5)"
        inside = coder.run("python3", "-c", script.format("10.100.0.1"), user="agent", check=False)
        assert "refused" in inside.stderr
        outside = ("ip", "netns", "exec", "internet", "python3", "-c", script.format(HOST))
        assert "refused" in forage.host.run(*outside, check=False).stderr


# -- changes and faults --------------------------------------------------------

# Opens a connection by TLS, says so, and keeps it until the other side ends it.
_KEEP_TLS = """
import socket, ssl, sys
name, address, note = sys.argv[1:]
context = ssl._create_unverified_context()
tls = context.wrap_socket(socket.create_connection((address, 443)), server_hostname=name)
open(note, "x").close()
tls.recv(1)
"""


def keep_tls(forage: Activated, sandbox: Sandbox, unit: str, name: str, address: str) -> None:
    """Have a program in the sandbox keep a connection, as a unit that ends with it."""
    note = f"/home/agent/{unit}"
    sandbox.run(
        *("systemd-run", "--quiet", "--collect", "--uid=agent", f"--unit={unit}"),
        *("python3", "-c", _KEEP_TLS, name, address, note),
    )
    forage.host.wait_for(
        lambda: not sandbox.run("test", "-e", note, check=False).returncode, "it is open"
    )
    sandbox.run("rm", note)


def is_kept(sandbox: Sandbox, unit: str) -> bool:
    """Whether the connection has not been ended."""
    return sandbox.run("systemctl", "is-active", unit, check=False).stdout == "active\n"


def test_a_name_that_is_taken_away_is_closed_and_its_connections_end(
    forage: Activated, coder: Sandbox
) -> None:
    text = forage.host.root / "srv/forage/tree" / forage.sandbox("coder").template.proxy_file
    before = text.read_text()
    keep_tls(forage, coder, "kept", ALLOWED, NAMES[ALLOWED])
    lines = [line for line in before.splitlines() if f'"{ALLOWED}"' not in line]
    forage.edit(forage.sandbox("coder").template.proxy_file, "\n".join(lines) + "\n")
    forage.host.run("systemctl", "reload", PROXY)
    try:
        forage.host.wait_for(lambda: hello(coder, ALLOWED) == ALERT, "it is closed")
        assert not is_kept(coder, "kept"), "reloading waits for the end of old connections"
    finally:
        forage.mend()
        forage.host.run("systemctl", "reload", PROXY)
    forage.host.wait_for(lambda: hello(coder, ALLOWED) == HANDSHAKE, "it is open again")


def test_a_broken_configuration_leaves_the_old_one(forage: Activated, coder: Sandbox) -> None:
    forage.edit(forage.sandbox("coder").template.proxy_file, "no such directive;\n")
    assert forage.host.run("systemctl", "reload", PROXY, check=False).returncode
    assert hello(coder, ALLOWED) == HANDSHAKE
    assert hello(coder, TWIN) == ALERT


def test_a_killed_proxy_comes_back_and_nothing_passes_meanwhile(
    forage: Activated, coder: Sandbox, internet: Internet
) -> None:
    before = heard(internet, TWIN)
    forage.host.run("systemctl", "kill", "--signal=KILL", PROXY)
    for _ in range(5):
        assert hello(coder, TWIN) in {ALERT, NOTHING}
    forage.host.wait_for(lambda: hello(coder, ALLOWED) == HANDSHAKE, "it is back")
    assert forage.active("coder")
    assert heard(internet, TWIN) == before


@pytest.mark.parametrize("part", ["upstream", "questions"])
def test_without_the_resolver_behind_it_nothing_passes_and_it_recovers(
    forage: Activated, coder: Sandbox, internet: Internet, part: str
) -> None:
    unit = f"forage-{part}.service"
    name = f"not-by-{part}.wild.example.net"  # what is known is not asked for again
    internet.record(name, NAMES[ALLOWED])
    forage.host.run("systemctl", "kill", "--signal=STOP", unit)
    try:
        assert hello(coder, name) == NOTHING
    finally:
        forage.host.run("systemctl", "kill", "--signal=CONT", unit)
    forage.host.wait_for(lambda: hello(coder, name) == HANDSHAKE, "it has recovered")


@pytest.mark.parametrize("part", ["upstream", "questions"])
def test_a_resolver_behind_it_that_is_killed_comes_back(
    forage: Activated, coder: Sandbox, internet: Internet, part: str
) -> None:
    name = f"again-by-{part}.wild.example.net"
    internet.record(name, NAMES[ALLOWED])
    forage.host.run("systemctl", "kill", "--signal=KILL", f"forage-{part}.service")
    forage.host.wait_for(lambda: hello(coder, name) == HANDSHAKE, "it is back")
    assert forage.active("coder")


@pytest.mark.parametrize("unit", ["forage-upstream", "forage-questions", "forage-resolver@coder"])
def test_what_begins_anew_by_a_reload_stops_no_sandbox(
    forage: Activated, coder: Sandbox, unit: str
) -> None:
    run, program = forage.property("coder", "InvocationID"), program_of(forage, unit)
    # A connection that stays: dnsmasq has a process for each.
    hold = "import socket, time\nc = socket.create_connection(('10.100.0.1', 53))\ntime.sleep(600)"
    coder.run("systemd-run", "--quiet", "--collect", "python3", "-c", hold)
    # More often at once than systemd starts what has died: that is five times in ten seconds.
    for _ in range(8):
        forage.host.run("systemctl", "reload", unit)

        def is_new(before: str = program) -> bool:
            return program_of(forage, unit) not in {"0", before}

        forage.host.wait_for(is_new, "it has begun anew")
        program = program_of(forage, unit)
    forage.host.wait_for(lambda: hello(coder, ALLOWED) == HANDSHAKE, "names are back")
    assert forage.property("coder", "InvocationID") == run


def test_no_process_of_a_connection_is_left_when_it_stops(
    forage: Activated, coder: Sandbox
) -> None:
    hold = "import socket, time\nc = socket.create_connection(('10.100.0.1', 53))\ntime.sleep(600)"
    coder.run("systemd-run", "--quiet", "--collect", "python3", "-c", hold)
    unit = "forage-resolver@coder.service"
    children = ("pgrep", "--parent", program_of(forage, unit))
    forage.host.wait_for(
        lambda: forage.host.run(*children, check=False).stdout, "it has a process for that"
    )
    own = forage.host.run(*children).stdout.split()
    forage.host.run("systemctl", "stop", unit)
    # Stopped with it is the sandbox, which is bound to it.
    forage.host.wait_for(lambda: not forage.active("coder"), "the sandbox is stopped")
    assert forage.host.run("ps", "--pid", ",".join(own), check=False).returncode


def program_of(forage: Activated, unit: str) -> str:
    """The number of a unit's main process; "0" while it is being started."""
    script = """
        pid=$(systemctl show --property=MainPID --value "$1")
        systemctl --quiet is-active "$1" && echo "$pid" || echo 0
    """
    return forage.host.sh(script, unit).stdout.strip()


def test_the_proxy_is_confined(forage: Activated, coder: Sandbox) -> None:
    analyze = ("systemd-analyze", "--no-pager", "security", PROXY)
    said = forage.host.run(*analyze, check=False).stdout
    assert float(said.partition("exposure level for ")[2].split()[1]) <= 2.0
    assert hello(coder, ALLOWED) == HANDSHAKE
