"""The API proxy: it adds keys on the host, and no sandbox has one."""

from __future__ import annotations

import ast
import json
import shlex
import time
from typing import TYPE_CHECKING, Any

import pytest

from forage_gen.catalogue import BY_PACKAGE
from forage_gen.emit.api import _DROPPED
from forage_gen.resolve.plan import API_KEYS, AUDIT
from tests.host.api_server import HUGE, PIECES
from tests.host.apis import ASKING, FORGE, FORGE_NAME, MESSAGES, MESSAGES_NAME, NAMES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.host.activate import Activated
    from tests.host.apis import Apis
    from tests.testhost.host import Sandbox, TestHost
    from tests.testhost.internet import Internet

KEY = "key-of-anthropic"
SOURCE = "/etc/keys/anthropic"
MESSAGES_URL = "http://10.100.0.1/agents/claude/v1/messages"
REPOSITORY = "http://10.100.0.1/proxies/forge/repos/acme/website"


def ask(sandbox: Sandbox, url: str, *options: str, user: str = "agent") -> tuple[int, str]:
    """Ask with curl: the status, 0 for none, and the body."""
    done = sandbox.run(
        *("curl", "--silent", "--max-time", "20", "--path-as-is"),
        *("--write-out", "\n%{http_code}", *options, url),
        user=user,
        check=False,
    )
    body, _, status = done.stdout.rpartition("\n")
    return int(status or 0), body


def post(sandbox: Sandbox, *options: str) -> tuple[int, str]:
    return ask(sandbox, MESSAGES_URL, "--data", '{"model":"m"}', *options)


def test_a_request_arrives_with_the_key_and_without_the_sandboxs_own(
    asker: Sandbox, apis: Apis
) -> None:
    status, _ = post(asker, "--header", "authorization: Bearer mine", "--header", "x-api-key: mine")

    (asked,) = apis.new()
    assert status == 200
    assert asked.address == MESSAGES
    assert (asked.method, asked.path, asked.body) == ("POST", "/v1/messages", '{"model":"m"}')
    assert asked.header("x-api-key") == [KEY]
    assert asked.header("authorization") == []
    assert asked.header("host") == [MESSAGES_NAME]
    assert asked.tls in {"TLSv1.2", "TLSv1.3"}


def test_what_a_sandbox_says_of_itself_and_of_keys_is_dropped(asker: Sandbox, apis: Apis) -> None:
    names = [*_DROPPED, "x_api_key", "x-forage-sandbox"]
    assert {kind.proxied.api.header for kind in BY_PACKAGE.values()} <= {n.lower() for n in names}
    headers = [word for name in names for word in ("--header", f"{name}: of-the-sandbox")]
    headers += ["--header", "anthropic-version: 1"]

    assert post(asker, *headers)[0] == 200

    (asked,) = apis.new()
    kept = {name for name, value in asked.headers if value == "of-the-sandbox"}
    assert kept == {"x-forage-sandbox"}  # which means nothing to anybody
    assert asked.header("anthropic-version") == ["1"]  # the control: others pass


def test_an_answer_arrives_in_pieces(asker: Sandbox) -> None:
    watch = f"""
        import time, urllib.request
        request = urllib.request.Request({MESSAGES_URL!r}, b'{{"stream":true}}')
        begun, seen = time.monotonic(), []
        with urllib.request.urlopen(request, timeout=20) as answer:
            for line in answer:
                if line.startswith(b"data"):
                    seen.append(round(time.monotonic() - begun, 1))
        print(seen)
    """
    times = ast.literal_eval(python(asker, watch))

    assert len(times) == PIECES
    assert times[0] < times[-1] - 0.5  # not all at the end


def python(sandbox: Sandbox, script: str, *arguments: str, user: str = "agent") -> str:
    lines = script.strip("\n").splitlines()
    indent = len(lines[0]) - len(lines[0].lstrip())
    text = "\n".join(line[indent:] for line in lines)
    return sandbox.run("python3", "-c", text, *arguments, user=user).stdout


def test_the_agent_finds_its_api_and_has_no_key(asker: Sandbox) -> None:
    say = "import os; print(dict(os.environ))"
    done = asker.run("/opt/forage/bin/claude", "-c", say, user="agent")
    variables = ast.literal_eval(done.stdout)

    assert variables["ANTHROPIC_BASE_URL"] == "http://10.100.0.1/agents/claude"
    assert variables["ANTHROPIC_AUTH_TOKEN"]
    assert "ANTHROPIC_API_KEY" not in variables
    assert KEY not in done.stdout


def test_the_key_is_nowhere_inside(asker: Sandbox) -> None:
    post(asker)
    # Nobody reads the environment of another's process, the sandbox's root neither.
    processes = """
        grep -aqz 'PATH=' /proc/self/environ || exit 1  # the control: they can be read
        ! grep -alz 'key-of-anthropi[c]' /proc/[0-9]*/environ /proc/[0-9]*/cmdline || exit 1
    """
    files = """
        ! grep -rlI --exclude-dir=proc --exclude-dir=sys 'key-of-anthropi[c]' / 2>/dev/null ||
          exit 1
        ! journalctl | grep 'key-of-anthropi[c]' || exit 1
        test ! -e /run/secrets
    """
    for user in ("agent", "root"):
        asker.sh(processes, user=user)
    asker.sh(files, user="root")


def test_the_host_has_the_key_where_the_proxy_reads_it_alone(
    forage: Activated, asker: Sandbox
) -> None:
    post(asker)
    host = forage.host
    owner = host.sh(f"stat -c '%U %a' {API_KEYS} {API_KEYS}/anthropic.conf").stdout.split()
    assert owner == ["forage-api", "700", "forage-api", "600"]
    write_log(host)  # the request is in the log: the script's first line is the control
    script = f"""
        grep -q '"sandbox":"asker"' {AUDIT}/requests.log || exit 1
        ! journalctl --merge | grep -q 'key-of-anthropi[c]' || exit 1
        ! grep -r 'key-of-anthropi[c]' /var/log || exit 1
        ! systemctl show forage-api.service 'forage-api-key@*' | grep 'key-of-anthropi[c]' || exit 1
        ! grep -alz 'key-of-anthropi[c]' /proc/[0-9]*/environ /proc/[0-9]*/cmdline || exit 1
        ! grep -r 'key-of-anthropi[c]' /srv/forage /etc/systemd /run/forage /run/systemd/system ||
          exit 1
        grep -q 'key-of-anthropi[c]' {API_KEYS}/anthropic.conf  # the control
    """
    host.sh(script)


def test_a_sandbox_has_an_api_of_its_own(other: Sandbox, asker: Sandbox, apis: Apis) -> None:
    assert ask(other, REPOSITORY)[0] == 200
    assert ask(asker, REPOSITORY)[0] == 404

    (asked,) = apis.new()
    assert asked.address == FORGE
    assert asked.path == "/api/v3/repos/acme/website"
    assert asked.header("authorization") == ["token key-of-forge"]
    assert asked.header("x-api-key") == []


def test_programs_are_told_of_it(other: Sandbox, asker: Sandbox) -> None:
    say = "echo ${FORGE_URL-} ${FORGE_TOKEN-}"
    told = other.run("bash", "--login", "-c", say, user="agent").stdout
    assert told == "http://10.100.0.1/proxies/forge none\n"
    assert asker.run("bash", "--login", "-c", say, user="agent").stdout == "\n"


def ask_each(sandbox: Sandbox, requests: list[list[str]], user: str) -> list[str]:
    """Ask one after the other, and list the statuses."""
    options = "--silent --max-time 20 --path-as-is --output /dev/null"
    script = "\n".join(
        f"curl {options} --write-out '%{{http_code}}\\n' {shlex.join(each)} || true"
        for each in requests
    )
    return sandbox.sh(script, user=user).stdout.split()


NOT_ALLOWED = [
    ("GET", "/v1/messages"),
    ("DELETE", "/v1/messages"),
    ("POST", "/v1/messages/"),
    ("POST", "/v1/messages/batches"),
    ("POST", "/V1/MESSAGES"),
    ("GET", "/v1/organizations/me"),
    ("POST", "/v1/files"),
    ("GET", "/v1/models/a/b"),
    ("GET", "/"),
    ("GET", "/v1/messages?/v1/models"),
]


@pytest.mark.parametrize("user", ["agent", "root"])
def test_what_an_agent_does_not_need_is_refused(asker: Sandbox, apis: Apis, user: str) -> None:
    claude = "http://10.100.0.1/agents/claude"
    requests = [["--request", method, f"{claude}{path}"] for method, path in NOT_ALLOWED]

    assert ask_each(asker, requests, user) == ["403"] * len(NOT_ALLOWED)
    assert apis.new() == []
    _, body = ask(asker, f"{claude}/v1/files")
    assert "not allowed" in json.loads(body)["error"]["message"]


AMBIGUOUS = [
    "/agents/claude/v1/models/../organizations",
    "/agents/claude/v1/models/..",
    "/agents/claude/v1/./models",
    "/agents/claude/v1/models/%2e%2e/organizations",
    "/agents/claude/v1/models/%2E%2E%2Forganizations",
    "/agents/claude/v1/models/..;/organizations",
    "/agents/claude/v1/models/a;b",
    "/agents/claude/v1/models/%252e%252e",
    "/agents/claude//v1/models",
    "//agents/claude/v1/models",
    "/agents/claude/v1\\models",
    "/agents/claude/v1/models/..%5corganizations",
    "/agents/claude/v1/models%00",
    "/agents/claude/v1/models%0a",
    "/agents/claude/v1/models%0d%0aHost:%20x",
    "/proxies/forge/repos/acme/website/../../other/secret",
    "/proxies/forge/repos/acme/website/%2e%2e/secret",
]


@pytest.mark.parametrize("flag", ["--http1.1", "--http2-prior-knowledge"])
def test_a_path_that_can_be_read_in_two_ways_is_refused(
    other: Sandbox, apis: Apis, flag: str
) -> None:
    requests = [[flag, f"http://10.100.0.1{path}"] for path in AMBIGUOUS]

    assert ask_each(other, requests, "agent") == ["400"] * len(AMBIGUOUS)
    assert apis.new() == []


def test_plain_paths_arrive_as_they_are(other: Sandbox, apis: Apis) -> None:
    assert ask(other, f"{REPOSITORY}/contents/a%20b/%C3%A9?ref=x%2Fy&a=..;b")[0] == 200

    (asked,) = apis.new()
    assert asked.path == "/api/v3/repos/acme/website/contents/a%20b/%C3%A9?ref=x%2Fy&a=..;b"


def test_http_2_works(asker: Sandbox, apis: Apis) -> None:
    done = asker.run(
        *("curl", "--silent", "--http2-prior-knowledge", "--data", "{}", "--output", "/dev/null"),
        *("--write-out", "%{http_version} %{http_code}", MESSAGES_URL),
        user="agent",
    )
    assert done.stdout == "2 200"
    assert apis.new()[0].header("x-api-key") == [KEY]


def raw(sandbox: Sandbox, message: bytes, *, port: int = 80, user: str = "agent") -> bytes:
    """Send bytes to the gateway, and read what comes back."""
    send = f"""
        import socket
        try:
            with socket.create_connection(("10.100.0.1", {port}), timeout=5) as connection:
                connection.sendall({message!r})
                connection.settimeout(1)
                answer = b""
                try:
                    while part := connection.recv(65536):
                        answer += part
                except TimeoutError:
                    pass
            print(repr(answer))
        except OSError as error:
            print(repr(b"none: " + str(error).encode()))
    """
    answer = ast.literal_eval(python(sandbox, send, user=user))
    assert isinstance(answer, bytes)
    return answer


INNER = b"POST /agents/claude/v1/organizations HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
HEAD = b"POST /agents/claude/v1/messages HTTP/1.1\r\nHost: x\r\n"


HIDING = [
    HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + INNER,
    HEAD + b"Content-Length: 0\r\nContent-Length: 90\r\n\r\n" + INNER,
    HEAD + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + INNER,
    HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + INNER,
    HEAD + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + INNER,
    HEAD + b"X: a\r\n\tTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n" + INNER,
    HEAD + b"Content-Length: +0\r\n\r\n" + INNER,
    HEAD + b"Content-Length: 0\r\nConnection: x-api-key\r\n\r\n" + INNER,
]


def test_no_request_hides_in_another(asker: Sandbox, apis: Apis) -> None:
    for message in HIDING:
        raw(asker, message)

    for asked in apis.new():
        assert asked.path == "/v1/messages"
        assert asked.header("x-api-key") == [KEY]
        assert "organizations" not in asked.body


def test_absolute_uris_and_hosts_lead_nowhere_else(asker: Sandbox, apis: Apis) -> None:
    body = b"Content-Length: 2\r\nConnection: close\r\n\r\n{}"
    for line in (
        b"POST http://198.18.1.15/agents/claude/v1/messages HTTP/1.1\r\nHost: 198.18.1.15\r\n",
        b"POST /agents/claude/v1/messages HTTP/1.1\r\nHost: forge.example.net\r\n",
        b"POST /agents/claude/v1/messages HTTP/1.1\r\nHost: unix:/run/x\r\n",
    ):
        raw(asker, line + body)
    for asked in apis.new():
        assert (asked.address, asked.header("host")) == (MESSAGES, [MESSAGES_NAME])
    for method in (b"CONNECT 198.18.1.15:443", b"TRACE /agents/claude/v1/messages"):
        answer = raw(asker, method + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        assert answer.split()[1] in {b"400", b"403", b"405"}
    assert apis.new() == []


@pytest.mark.parametrize("user", ["agent", "root"])
def test_another_templates_door_is_closed(forage: Activated, asker: Sandbox, user: str) -> None:
    forage.running("reader")
    ports = {name: forage.sandbox(name).template.api_port for name in ("asker", "reader")}
    request = HEAD + b"Content-Length: 0\r\n\r\n"

    for port in ports.values():
        assert b"none: " in raw(asker, request, port=port, user=user)
    assert b" 200 " in raw(asker, request, user=user)  # the control: its own


def test_there_is_nothing_else_to_see(asker: Sandbox, apis: Apis) -> None:
    for path in ("/", "/nginx_status", "/status", "/agents/", "/agents/claude", "/proxies/forge/"):
        assert ask(asker, f"http://10.100.0.1{path}")[0] == 404
    assert apis.new() == []


def test_without_a_network_it_reaches_nothing_else(
    forage: Activated, asker: Sandbox, internet: Internet
) -> None:
    before = len(internet.queries())
    script = """
        ! curl --silent --max-time 2 http://198.18.1.10/ || exit 1
        ! curl --silent --max-time 2 http://10.100.0.1:22/ || exit 1
        ! curl --silent --max-time 2 http://198.18.0.2/ || exit 1
        ! dig +time=1 +tries=1 @10.100.0.1 allowed.example.net || exit 1
        ! ping -c 1 -W 1 10.100.0.1 || exit 1
    """
    asker.sh(script, user="root")
    assert forage.sandbox("asker").address.compressed not in str(internet.requests("198.18.1.10"))
    # The proxy looks up the names of APIs from time to time, whoever asks.
    assert set(internet.queries()[before:]) <= set(NAMES)
    assert post(asker)[0] == 200  # the control


def test_a_restricted_sandbox_asks_by_the_proxy_alone(forage: Activated, apis: Apis) -> None:
    reader = forage.running("reader")

    assert post(reader)[0] == 200
    assert ask(reader, REPOSITORY)[0] == 200
    assert {asked.address for asked in apis.new()} == {MESSAGES, FORGE}
    assert ask(reader, "http://allowed.example.net/")[0] == 200
    assert ask(reader, f"https://{MESSAGES_NAME}/v1/messages", "--insecure")[0] == 0
    assert apis.new() == []


def test_too_many_requests_are_told_to_wait(forage: Activated, apis: Apis) -> None:
    reader = forage.fresh("reader")
    answers = [ask(reader, REPOSITORY, "--include") for _ in range(8)]

    assert {status for status, _ in answers} == {200, 429}
    refused = next(body for status, body in answers if status == 429)
    assert "retry-after: 10" in refused.lower()
    assert "too many requests" in refused
    assert 0 < len(apis.new()) < 8


def test_too_many_at_the_same_time_are_told_to_wait(asker: Sandbox, other: Sandbox) -> None:
    script = f"""
        for each in 1 2 3 4 5 6 7 8 9 10 11 12; do
          curl --silent --output /dev/null --write-out '%{{http_code}}\n' --max-time 20 \
            --data '{{}}' --header 'x-do: stall' {MESSAGES_URL} &
        done
        sleep 1
        wait
    """
    statuses = asker.sh(script, user="agent").stdout.split()

    assert sorted(statuses) == ["200"] * 8 + ["429"] * 4
    assert post(other)[0] == 200


def test_a_large_request_is_refused(asker: Sandbox, apis: Apis) -> None:
    asker.sh("head -c 1100000 /dev/zero >/tmp/large", user="agent")
    status, body = ask(asker, MESSAGES_URL, "--data-binary", "@/tmp/large")
    assert (status, "bodyMax" in body) == (413, True)
    # Of no announced length, it ends on the way.
    streamed = ("--header", "transfer-encoding: chunked", "--data-binary", "@/tmp/large")
    assert ask(asker, MESSAGES_URL, *streamed)[0] in {0, 413}
    assert all(asked.header("content-length") == [] for asked in apis.new())
    # The control.
    asker.sh("head -c 900000 /dev/zero >/tmp/large", user="agent")
    assert ask(asker, MESSAGES_URL, "--data-binary", "@/tmp/large")[0] == 200


def test_what_the_api_says_is_passed_on(asker: Sandbox) -> None:
    for status in (401, 429, 529):
        answer = post(asker, "--header", f"x-do: {status}", "--include")
        assert answer[0] == status
        assert "of the upstream" in answer[1]
        assert "retry-after: 7" in answer[1].lower()
    assert post(asker, "--header", "x-do: reset")[0] == 502
    assert post(asker, "--header", "x-do: stall")[0] == 200
    assert post(asker, "--header", "x-do: huge") == (200, "x" * HUGE)


def test_a_redirect_within_the_api_stays_with_the_proxy(other: Sandbox) -> None:
    _, answer = ask(other, REPOSITORY, "--header", "x-do: redirect", "--include")

    found = next(line for line in answer.splitlines() if line.lower().startswith("location:"))
    assert found.endswith("/proxies/forge/repos/acme/website/there")


def test_a_websocket_is_passed_on(other: Sandbox, apis: Apis) -> None:
    answer = raw(
        other,
        b"GET /proxies/forge/repos/acme/website/socket HTTP/1.1\r\nHost: x\r\n"
        b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello",
    )

    assert answer.startswith(b"HTTP/1.1 101 ")
    assert answer.endswith(b"hello")
    assert apis.new()[0].header("authorization") == ["token key-of-forge"]


@pytest.mark.parametrize("certificate", ["untrusted", FORGE_NAME])
def test_an_impostor_gets_nothing(
    forage: Activated, asker: Sandbox, apis: Apis, certificate: str
) -> None:
    apis.impostor(certificate)
    try:
        # What it has open it would use again.
        forage.host.run("systemctl", "reload", "forage-api.service")
        forage.host.wait_for(lambda: post(asker)[0] == 502, "it is refused")
        apis.new()
        status, body = post(asker)
    finally:
        apis.no_impostor()
    assert (status, "not who it says" in body) == (502, True)
    assert apis.new() == []
    # The control. An address is kept for a second.
    forage.host.wait_for(lambda: post(asker)[0] == 200, "it is the API again")


@pytest.fixture
def key_file(forage: Activated, asker: Sandbox) -> Iterator[Activated]:
    """The project, whose key is put back after the test."""
    del asker
    yield forage
    forage.host.run("rm", "-rf", SOURCE)
    use_key(forage, KEY)


def replace_key(forage: Activated, key: str) -> None:
    forage.host.write(f"{SOURCE}.new", f"{key}\n", mode=0o600)
    forage.host.run("mv", "-T", f"{SOURCE}.new", SOURCE)


def use_key(forage: Activated, key: str) -> None:
    replace_key(forage, key)
    await_key(forage, key)


def await_key(forage: Activated, key: str) -> None:
    conf = forage.host.root / f"{API_KEYS}/anthropic.conf".lstrip("/")
    written = key.replace("\\", "\\\\").replace('"', '\\"')
    forage.host.wait_for(
        lambda: conf.exists() and f'"{written}"' in conf.read_text(), "the key is read", timeout=20
    )


def await_answer(forage: Activated, asker: Sandbox, apis: Apis, key: str) -> None:
    """Wait until the proxy asks with a key."""
    forage.host.wait_for(lambda: sees(asker, apis) == [key], "the key is used")


def sees(asker: Sandbox, apis: Apis) -> list[str]:
    apis.new()
    post(asker)
    return [value for asked in apis.new() for value in asked.header("x-api-key")]


def test_a_new_key_is_used_within_seconds_and_a_stream_goes_on(
    key_file: Activated, asker: Sandbox, apis: Apis
) -> None:
    asker.run(
        *("systemd-run", "--quiet", "--collect", "--unit=stream", "sh", "-c"),
        f"curl -sN --data '{{\"stream\": true}}' --header 'x-do: slow' {MESSAGES_URL} >/tmp/stream",
        user="root",
    )
    begun = time.monotonic()
    replace_key(key_file, "another-key")
    await_answer(key_file, asker, apis, "another-key")
    assert time.monotonic() - begun < 15
    key_file.host.wait_for(
        lambda: f'"piece":{PIECES - 1}' in asker.run("cat", "/tmp/stream").stdout,
        "the stream has ended well",
        timeout=15,
    )


def test_a_key_behind_a_link_that_is_exchanged_is_read_again(
    key_file: Activated, asker: Sandbox, apis: Apis
) -> None:
    # As sops-nix and agenix do at each switch.
    key_file.host.sh(f"""
        mkdir -p /etc/keys.d/1 /etc/keys.d/2
        echo linked-key >/etc/keys.d/1/key; echo next-key >/etc/keys.d/2/key
        ln -sfn /etc/keys.d/1 /etc/keys.d/now; ln -sfn /etc/keys.d/now/key {SOURCE}
    """)
    await_key(key_file, "linked-key")
    key_file.host.sh("ln -s /etc/keys.d/2 /etc/keys.d/new; mv -T /etc/keys.d/new /etc/keys.d/now")
    await_answer(key_file, asker, apis, "next-key")


def test_a_key_that_is_gone_closes_its_api_alone(
    key_file: Activated, asker: Sandbox, other: Sandbox, apis: Apis
) -> None:
    key_file.host.run("rm", SOURCE)
    key_file.host.wait_for(lambda: post(asker)[0] == 503, "it is closed", timeout=15)
    apis.new()

    status, body = post(asker)
    assert status == 503
    assert "the secret anthropic is missing" in json.loads(body)["error"]["message"]
    assert KEY not in body
    assert apis.new() == []
    assert ask(other, REPOSITORY)[0] == 200


@pytest.mark.parametrize(
    "key",
    [
        r"""a"b\c'd$e{f}g;h#i ~j%k\n$remote_addr${x}""",
        "x" * 2000,
        "default",
    ],
)
def test_a_key_of_any_characters_arrives_as_it_is(
    key_file: Activated, asker: Sandbox, apis: Apis, key: str
) -> None:
    replace_key(key_file, key)
    await_answer(key_file, asker, apis, key)


@pytest.mark.parametrize("key", ["two\nlines", "", "caf\u00e9", "bell\a", "x" * 5000])
def test_what_is_no_key_closes_the_api(key_file: Activated, asker: Sandbox, key: str) -> None:
    replace_key(key_file, key)
    key_file.host.wait_for(lambda: post(asker)[0] == 503, "it is closed", timeout=15)
    said = key_file.host.journal("forage-api-key@anthropic.service")
    assert "the API proxy: the secret" in said


def write_log(host: TestHost) -> None:
    """Have nginx write what it still has in memory, as when it opens the file again."""
    host.run("systemctl", "kill", "--kill-whom=main", "--signal=USR1", "forage-api.service")
    time.sleep(0.3)


def audit(forage: Activated, *, since: float) -> list[dict[str, Any]]:
    write_log(forage.host)
    lines = map(json.loads, forage.host.run("sh", "-c", f"cat {AUDIT}/*.log").stdout.splitlines())
    # Each of its processes writes what it has at once.
    return sorted(
        (line for line in lines if line["unixTime"] >= since), key=lambda line: line["unixTime"]
    )


def test_each_request_is_in_the_log(forage: Activated, asker: Sandbox, other: Sandbox) -> None:
    begun = time.time()
    time.sleep(0.1)
    post(asker)
    ask(other, f"{REPOSITORY}?token=secret-of-a-query", "--header", "authorization: mine")
    ask(asker, "http://10.100.0.1/agents/claude/v1/files", "--data", "secret-of-a-body")
    # What could be taken for a line of its own, of another sandbox.
    ask(other, f"{REPOSITORY}/%0a%7B%22sandbox%22:%22asker%22%7D")

    lines = audit(forage, since=begun)
    assert [(e["sandbox"], e["api"], e["method"], e["status"]) for e in lines] == [
        ("asker", "claude", "POST", 200),
        ("other-asker", "forge", "GET", 200),
        ("asker", "claude", "POST", 403),
        ("other-asker", "", "GET", 400),
    ]
    assert lines[0]["path"] == "/agents/claude/v1/messages"
    assert lines[0]["template"] == "asker"
    assert lines[0]["upstreamStatus"] == "200"
    assert lines[0]["requestId"] == "req_of_test"
    assert lines[1]["path"] == "/proxies/forge/repos/acme/website"
    assert {"time", "received", "sent", "duration", "upstreamTime"} <= lines[0].keys()
    everything = json.dumps(lines)
    for secret in ("secret-of", "mine", KEY, "key-of-forge"):
        assert secret not in everything


def test_the_service_is_hardened(forage: Activated, asker: Sandbox) -> None:
    del asker
    units = (
        "forage-api.service",
        "forage-api-key@anthropic.service",
        "forage-api-rotate@requests.service",
    )
    for unit in units:
        said = forage.host.run("systemd-analyze", "security", "--no-pager", unit).stdout
        exposure = float(said.rpartition("exposure level for ")[2].split(": ")[1].split()[0])
        assert exposure <= 2.0, said


def test_a_neighbour_works_while_one_opens_all_the_connections_that_it_can(
    asker: Sandbox, other: Sandbox
) -> None:
    hoard = """
        import socket, sys
        held = []
        for _ in range(600):
            try:
                connection = socket.create_connection(("10.100.0.1", 80), timeout=2)
                connection.sendall(b"POST /agents/claude/v1/messages HTTP/1.1\\r\\nX: ")
                held.append(connection)
            except OSError:
                pass
        print(len(held), flush=True)
        sys.stdin.read()
    """
    lines = hoard.strip("\n").splitlines()
    text = "\n".join(line[8:] for line in lines)
    asker.run(
        *("systemd-run", "--quiet", "--collect", "--unit=hoard", "--property=LimitNOFILE=1000"),
        "--property=StandardOutput=truncate:/run/hoard",
        *("sh", "-c", 'sleep 30 | python3 -c "$1"', "sh", text),
        user="root",
    )
    try:
        asker.sh("until [ -s /run/hoard ]; do sleep 0.1; done")
        assert 8 < int(asker.run("cat", "/run/hoard").stdout) <= 256
        begun = time.monotonic()
        assert post(other)[0] == 200
        assert time.monotonic() - begun < 2
    finally:
        asker.run("systemctl", "stop", "hoard", check=False)


def test_the_api_stays_when_the_network_is_switched_off(forage: Activated, apis: Apis) -> None:
    reader = forage.fresh("reader")
    ctl = "/etc/forage/tree/libexec/forage-ctl"
    assert ask(reader, "http://allowed.example.net/")[0] == 200
    forage.host.run(ctl, "network", "reader", "none")
    try:
        assert ask(reader, "http://allowed.example.net/", "--max-time", "3")[0] == 0
        assert ask(reader, REPOSITORY)[0] == 200
        assert [asked.address for asked in apis.new()] == [FORGE]
    finally:
        forage.host.run(ctl, "network", "reader", "reset")


def test_a_sandbox_does_not_start_without_the_proxy(forage: Activated, apis: Apis) -> None:
    del apis
    forage.stop("asker")
    forage.stop("other-asker")
    forage.stop("reader")
    forage.host.run("systemctl", "stop", "forage-api.service")
    forage.edit("api/nginx.conf", "no configuration of nginx\n")
    forage.refuses("asker", "needs forage-api.service", "unexpected end of file")


def test_nothing_is_left_when_it_stops(forage: Activated, asker: Sandbox) -> None:
    del asker
    for name in ASKING:
        forage.stop(name)
    forage.host.run("systemctl", "stop", "forage-api.service")
    assert not (forage.host.root / API_KEYS.lstrip("/")).exists()
    left = forage.host.run("systemctl", "is-active", "forage-api-watch.timer", check=False)
    assert left.stdout.strip() == "inactive"
