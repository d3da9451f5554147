"""What the API proxy adds to a request, and what it can carry.

    python -m benchmarks.api

It takes root, and what the tests of the host take: docs/testing.md. A sandbox with the whole
internet asks an API of the test host's internet, in turns directly and through the proxy, and
through a plain nginx in the proxy's place that does no more than ask the same API. Nothing else
should run meanwhile: it prints the machine's load when it begins and ends.
"""

from __future__ import annotations

import json
import math
import os
import random
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.network import HOST, await_quiet, ends, interval, show
from benchmarks.start_time import GUEST
from forage_gen.resolve.plan import API, API_CONF, API_RUNTIME, API_UNIT, AUDIT, CA_BUNDLE, TREE
from tests.host.activate import activate, compile_project, make_owner
from tests.host.apis import MESSAGES_NAME, Apis
from tests.testhost.host import TestHost
from tests.testhost.internet import NAMESPACE, Internet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from forage_gen.resolve.plan import Plan

REQUESTS = 900  # on a connection, of which nginx takes 1,000
STREAMS = 10
ROUNDS = 50
COUNTS = (1, 500)
MEASURED = "box-000"

FAST = "198.18.3.9"  # the same API, by an nginx that answers at once

# What a short answer of Anthropic's API looks like.
_MESSAGE = (
    r'{"id":"msg_01XFDUDYJgAACzvnptvVoYEL","type":"message","role":"assistant",'
    r'"model":"claude-sonnet-4-5","content":[{"type":"text","text":"'
    + "All of the tests pass now. "
    * 12
    + r'"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":2095,'
    r'"cache_creation_input_tokens":0,"cache_read_input_tokens":1024,"output_tokens":503}}'
)
_QUESTION = '{"model":"claude-sonnet-4-5","max_tokens":1024,"messages":[]}'
WRK = f"""
wrk.method = "POST"
wrk.body = '{_QUESTION}'
wrk.headers["Content-Type"] = "application/json"
"""

# An API that answers at once.
_API = f"""
daemon off;
pid /run/bench-api.pid;
error_log stderr error;
worker_processes 2;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    keepalive_requests 1000000;
    server {{
        listen {FAST}:443 ssl;
        ssl_certificate /run/apis/{MESSAGES_NAME}.pem;
        ssl_certificate_key /run/apis/{MESSAGES_NAME}.pem;
        default_type application/json;
        return 200 '{_MESSAGE}';
    }}
}}
"""

# An nginx in the API proxy's place, in its unit and behind the same fence, which adds, refuses and
# reads nothing. `@PORT@` is the template's.
_PLAIN = f"""
pid {API_RUNTIME}/pid;
error_log stderr error;
worker_processes 2;
events {{ worker_connections 8192; }}
http {{
    access_log @LOG@;
    client_body_temp_path {API_RUNTIME}/body;
    proxy_temp_path {API_RUNTIME}/proxy;
    fastcgi_temp_path {API_RUNTIME}/fastcgi;
    uwsgi_temp_path {API_RUNTIME}/uwsgi;
    scgi_temp_path {API_RUNTIME}/scgi;
    proxy_ssl_verify on;
    proxy_ssl_trusted_certificate {CA_BUNDLE};
    proxy_ssl_name {MESSAGES_NAME};
    proxy_ssl_server_name on;
    proxy_http_version 1.1;
    upstream kept {{ server {FAST}:443; keepalive 32; }}
    server {{
        listen @PORT@;
        location /agents/claude/ {{
            proxy_set_header Connection "";
            proxy_pass https://kept/;
        }}
    }}
}}
"""
_PLAINS = {
    "plain nginx": f"{AUDIT}/plain.log",
    "plain nginx without a log": "off",
}
_CONF = f"{TREE}/{API_CONF}"
PROXY = "the API proxy"

# Requests on one connection each, in turns, each in one packet: this API answers before it has read
# a body, and nginx then closes the connection of whoever has not sent it yet. Prints milliseconds.
_CLIENT = f"""
import http.client, json, ssl, sys, time
context = ssl.create_default_context(cafile="{CA_BUNDLE}")
context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # of the tests' CA
made = {{
    "direct": http.client.HTTPSConnection("{MESSAGES_NAME}", context=context),
    "proxy": http.client.HTTPConnection("10.100.0.1"),
}}
before = {{"direct": "", "proxy": "/agents/claude"}}
body = '{_QUESTION}'
took = {{way: [] for way in made}}
for way, connection in made.items():
    connection.connect()
for turn in range(-20, {REQUESTS}):
    for way, connection in made.items():
        request = (
            f"POST {{before[way]}}/v1/messages HTTP/1.1\\r\\nHost: {{connection.host}}\\r\\n"
            f"Content-Type: application/json\\r\\nContent-Length: {{len(body)}}\\r\\n\\r\\n{{body}}"
        ).encode()
        begun = time.perf_counter()
        connection.sock.sendall(request)
        answer = http.client.HTTPResponse(connection.sock, method="POST")
        answer.begin()
        assert answer.status == 200, answer.read()
        answer.read()
        if turn >= 0:
            took[way].append((time.perf_counter() - begun) * 1000)
print(json.dumps(took))
"""

# The time until the first piece of a stream is there, from before there is a connection: each way
# has one TLS handshake in it, unless the proxy has kept a connection.
_STREAM = f"""
import http.client, json, ssl, time
context = ssl.create_default_context(cafile="{CA_BUNDLE}")
context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # of the tests' CA
took = {{"direct": [], "proxy": []}}
for turn in range(-1, {STREAMS}):
    for way, before in (("direct", ""), ("proxy", "/agents/claude")):
        connection = (
            http.client.HTTPSConnection("{MESSAGES_NAME}", context=context)
            if way == "direct"
            else http.client.HTTPConnection("10.100.0.1")
        )
        begun = time.perf_counter()
        connection.request("POST", before + "/v1/messages", b'{{"stream":true}}')
        answer = connection.getresponse()
        assert answer.readline().startswith(b"event")
        if turn >= 0:
            took[way].append((time.perf_counter() - begun) * 1000)
        connection.close()
print(json.dumps(took))
"""


def project(directory: Path, count: int) -> Plan:
    """Compile a project with so many sandboxes of one template."""
    content = {
        "user": "alice",
        "externalInterface": "wan0",
        "secrets": {"anthropic": "/etc/keys/anthropic"},
        "templates": {
            "asking": {
                "rootfs": GUEST,
                "network": "full",
                "agents": {"claude": {"package": "claude-code", "secretName": "anthropic"}},
                "apiLimits": {"requestsPerMinute": 1000000, "concurrentRequests": 1000},
            }
        },
        "sandboxes": {
            f"box-{number:03}": {"template": "asking", "workspace": "~/projects/box"}
            for number in range(count)
        },
    }
    directory.mkdir()
    (directory / "forage.json").write_text(json.dumps(content), encoding="utf-8")
    return compile_project(directory)


@contextmanager
def prepared(count: int) -> Iterator[tuple[TestHost, Internet]]:
    """A host with so many sandboxes, of which one runs, and the APIs."""
    with (
        tempfile.TemporaryDirectory() as directory,
        TestHost(recipe=HOST) as host,
        Internet(host) as internet,
    ):
        plan = project(Path(directory, "project"), count)
        make_owner(host, plan)
        activate(host, plan)
        Apis(host, internet).begin()
        host.sh(f"ip -n {NAMESPACE} address add {FAST}/32 dev lo")
        host.write("/run/bench-api.conf", _API)
        netns = f"--property=NetworkNamespacePath=/run/netns/{NAMESPACE}"
        nginx = ("nginx", "-c", "/run/bench-api.conf")
        host.run("systemd-run", "--quiet", "--collect", netns, "--", *nginx)
        host.run("systemctl", "start", f"systemd-nspawn@{MEASURED}")
        host.sandbox(MEASURED).await_running()
        host.write("/run/wrk.lua", WRK)
        inside(host, "curl", "--silent", "http://10.100.0.1/agents/claude/v1/models")
        yield host, internet


def inside(host: TestHost, *argv: str) -> str:
    """Run a program of the host in the sandbox's network, and give what it printed."""
    # By the resolver that a sandbox has.
    script = 'mount --bind /run/bench-resolv.conf /etc/resolv.conf; exec "$@"'
    host.write("/run/bench-resolv.conf", "nameserver 10.100.0.1\n")
    netns = ("ip", "netns", "exec", f"forage-{MEASURED}", "bash", "-c", script, "bash")
    return host.run(*netns, *argv, timeout=240).stdout


def latency(host: TestHost, what: str, script: str) -> None:
    """Print what the proxy adds to something that a client of both prints the times of."""
    await_quiet()
    took = json.loads(inside(host, "python3", "-c", script))
    figures = {way: ends(values) for way, values in took.items()}
    direct, proxied = figures["direct"], figures["proxy"]
    figures["added"] = (proxied[0] - direct[0], proxied[1] - direct[1])
    for way, row in figures.items():
        print(f"| {what}, {way} | " + " | ".join(f"{value:.2f} ms" for value in row) + " |")


def answer_at_once(host: TestHost, internet: Internet) -> None:
    """Have the API proxy ask an API that takes no time."""
    internet.record(MESSAGES_NAME, FAST)
    time.sleep(2)  # for as long as an address is kept
    host.run("systemctl", "reload", API_UNIT)
    time.sleep(2)


def configurations(host: TestHost) -> dict[str, str]:
    """What is compared, by name: nginx's configuration in the proxy's place."""
    own = host.run("cat", _CONF).stdout
    template = host.run("cat", f"{TREE}/{API}/templates/asking.conf").stdout
    port = template.partition("listen ")[2].split()[0]
    found = {PROXY: own}
    for name, log in _PLAINS.items():
        found[name] = _PLAIN.replace("@PORT@", port).replace("@LOG@", log)
    return found


def rates(host: TestHost) -> None:
    """Print requests a second through the proxy and through plain ones, and their ratios."""
    url = "http://10.100.0.1/agents/claude"
    wrk = ("wrk", "--threads=1", "--connections=16", "--duration=1s")
    asked = {"GET": ("/v1/models",), "POST": ("/v1/messages", "--script=/run/wrk.lua")}
    places = configurations(host)
    rows: dict[tuple[str, str], list[float]] = {(n, kind): [] for n in places for kind in asked}
    for turn in range(-1, ROUNDS):
        # How fast the machine is changes from one to the next, so any may come first.
        names = random.sample(list(places), len(places))
        for name in names:
            host.write("/run/bench.conf", places[name])
            host.sh(f"cat /run/bench.conf >{_CONF}; systemctl reload {API_UNIT}")
            time.sleep(0.7)
            for kind, (path, *options) in asked.items():
                told = inside(host, *wrk, *options, f"{url}{path}")
                if "Non-2xx" in told:
                    sys.exit(told)
                if turn >= 0:  # the first finds cold caches
                    rows[name, kind].append(float(told.partition("Requests/sec:")[2].split()[0]))
    print("\n| | GET/s | the API proxy by it | POST/s | the API proxy by it |")
    print("| --- " * (2 * len(asked) + 1) + "|")
    for name in places:
        cells = [name]
        for kind in asked:
            pairs = zip(rows[PROXY, kind], rows[name, kind], strict=True)
            cells += [
                show(rows[name, kind], digits=0),
                interval([math.log(ours / its) for ours, its in pairs]),
            ]
        print("| " + " | ".join(cells) + " |")


def memory(host: TestHost) -> float:
    """The proxy's memory in MiB, with what its processes share counted once."""
    main = (host.root / f"{API_RUNTIME}/pid".lstrip("/")).read_text().strip()
    workers = host.run("pgrep", "--parent", main).stdout.split()
    maps = [host.run("cat", f"/proc/{pid}/smaps_rollup").stdout for pid in (main, *workers)]
    return sum(int(text.partition("\nPss:")[2].split()[0]) for text in maps) / 1024


def main() -> None:
    """Print what benchmarks/README.md has."""
    if os.geteuid():
        sys.exit("it takes root")
    print(f"load when it began: {os.getloadavg()[0]:.2f}")
    sizes = {}
    with suppress(KeyboardInterrupt):
        with prepared(COUNTS[0]) as (host, internet):
            sizes[COUNTS[0]] = memory(host)
            print("\n| | median | p99 |\n| --- | --- | --- |")
            latency(host, "first piece of a stream", _STREAM)
            answer_at_once(host, internet)
            latency(host, "request", _CLIENT)
            rates(host)
        with prepared(COUNTS[1]) as (host, internet):
            sizes[COUNTS[1]] = memory(host)
        print("\n| sandboxes | memory of the proxy |\n| --- | --- |")
        for count, size in sizes.items():
            print(f"| {count} | {size:.1f} MiB |")
        print(f"\nload when it ended: {os.getloadavg()[0]:.2f}")


if __name__ == "__main__":
    main()
