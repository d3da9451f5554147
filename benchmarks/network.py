"""What the fence costs a packet, a connection and a reload, with few sandboxes and with many.

    python -m benchmarks.network

It takes root, and what the tests of the host take: docs/testing.md. One restricted sandbox runs on
a test host; its traffic goes through its own network namespace and link to servers in another
namespace. What is loaded on the host changes in turns, so that a load of the machine meets all.
Nothing else should run meanwhile: it prints the machine's load when it begins and ends.
"""

from __future__ import annotations

import json
import math
import os
import statistics
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.start_time import GUEST
from forage_gen.emit.emit import emit
from forage_gen.resolve.plan import SWITCHED
from tests.host.activate import activate, compile_project, make_owner
from tests.testhost import rootfs
from tests.testhost.host import TestHost
from tests.testhost.internet import NAMESPACE, Internet

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from forage_gen.resolve.plan import Plan, Sandbox

ROUNDS = 7
PAIRS = 40
QUIET = 0.1  # of the processors' time
PATIENCE = 3
LOADS = 7
CONNECTIONS = 2000
MANY = 1000

HOST = rootfs.Recipe(
    "network",
    (*rootfs.HOST.packages, "iperf3", "wrk"),
    job="host",
    options=rootfs.HOST.options,
    sources=rootfs.HOST.sources,
)

# What the template lists; the server in the middle is the one that is measured.
LISTED = [str(IPv4Address("198.18.1.10") + number) for number in range(5)]
SERVER = LISTED[2]
UNLISTED = "198.18.1.20"
NAME = "allowed.example.net"
MEASURED = "box-0000"

# The tree in force is a link, which a variant sets to its own.
TREES = {1: "/srv/one", MANY: "/srv/forage/tree"}
TREE = "/etc/forage/tree"

_NGINX = f"""
daemon off;
pid /run/bench-nginx.pid;
error_log stderr error;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    server {{
        listen {SERVER}:80 backlog=4096;
        listen {SERVER}:8080 backlog=4096;
        keepalive_timeout 0;
        return 200 "ok";
    }}
    server {{
        listen {SERVER}:443 ssl backlog=4096;
        ssl_certificate /run/internet/certificate.pem;
        ssl_certificate_key /run/internet/certificate.pem;
        return 200 "ok";
    }}
}}
"""

# The way back is what a host without rules lacks, as nothing translates addresses there.
_SERVERS = f"""
for address; do
  ip -n {NAMESPACE} address add "$address/32" dev lo
done
ip -n {NAMESPACE} route add 10.100.0.0/16 via 198.18.0.2
serve() {{
  systemd-run --quiet --collect --unit="internet-$1" \\
    --property=NetworkNamespacePath=/run/netns/{NAMESPACE} -- "${{@:2}}"
}}
serve iperf iperf3 --server --bind={SERVER}
serve nginx nginx -c /run/bench-nginx.conf
"""

# The same number of new connections at a time, to the server's address and by the listed name: that
# has another address in /etc/hosts, so that the proxy has to look it up. Each has one request.
_WRK = ("wrk", "--threads=1", "--connections=16", "--duration=1s", "--header=Connection: close")
BY_NAME = {"HTTP": ("http", "80"), "TLS": ("https", "443")}

# New connections, in turns: straight to the listed address, and to another by the listed name,
# which the proxy reads, looks up and connects to: the same server. Prints milliseconds, of a
# new connection with its first answer, and of a second question on it.
_CLIENT = f"""
import json, socket, ssl, time
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
ways = {{"direct": "{SERVER}", "proxy": "{UNLISTED}"}}
question = b"GET / HTTP/1.1\\r\\nHost: {NAME}\\r\\n\\r\\n"
took = {{way: [[], []] for way in ways}}
for turn in range(-20, {CONNECTIONS}):
    for way, address in ways.items():
        times = [time.perf_counter()]
        with socket.create_connection((address, 443), timeout=10) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with context.wrap_socket(connection, server_hostname="{NAME}") as tls:
                for _ in range(2):
                    tls.sendall(question)
                    assert tls.recv(4096).startswith(b"HTTP/1.1 200")
                    times.append(time.perf_counter())
        for index in range(2):
            if turn >= 0:
                took[way][index].append((times[index + 1] - times[index]) * 1000)
print(json.dumps(took))
"""


@dataclass(frozen=True)
class Variant:
    """What is loaded on the host: a script that loads it."""

    name: str
    load: str


def _forage(sandboxes: int) -> Variant:
    return Variant(
        f"Forage, {sandboxes:,}",
        f"ln -sfn {TREES[sandboxes]} {TREE}\nsystemctl reload forage-firewall\n",
    )


def _masquerade(family: str) -> str:
    return (
        f"table {family} bench {{ chain postrouting {{ type nat hook postrouting priority srcnat;"
        " ip saddr 10.100.0.0/16 oifname wan0 masquerade; }; }\n"
    )


ONE, THOUSAND = _forage(1), _forage(MANY)
VARIANTS = (
    Variant("no rules", ""),
    Variant("masquerade alone", f"nft -f - <<'END'\n{_masquerade('ip')}END\n"),
    ONE,
    THOUSAND,
    Variant("linear, 5,000 rules", "nft -f /srv/linear.nft"),
)
# The fence's second half (docs/security/network.md) is no table.
_CLEAR = "nft flush ruleset\nip xfrm policy flush\nconntrack -F 2>/dev/null\n"

MEASURES = {
    "TCP": "Gbit/s",
    "UDP of 64 bytes": "1,000 packets/s",
    "connections": "1,000/s",
}
# Of those that have a proxy.
NAMED = {f"{way} {where}": "1,000/s" for way in BY_NAME for where in ("direct", "by the proxy")}


def linear(plan: Plan) -> str:
    """What a simple generator would write: a rule for each sandbox and host, in one chain."""
    # The measured one stands in the middle, so that it pays what is paid on average.
    first, *rest = plan.sandboxes
    ordered = [*rest[: MANY // 2], first, *rest[MANY // 2 :]]
    rules = "".join(
        f'        iifname "{sandbox.interface}" ip saddr {sandbox.address} ip daddr {host} accept\n'
        for sandbox in ordered
        for host in LISTED
    )
    return (
        _masquerade("inet")
        + "table inet linear {\n    chain forward {\n"
        + "        type filter hook forward priority filter; policy drop;\n"
        + "        ct state established,related accept\n"
        + f"{rules}    }}\n}}\n"
    )


def again(sandbox: Sandbox) -> str:
    """What exchanges the elements of one sandbox, as a load of that one alone would."""
    gone = (f'delete element inet forage {name} {{ "{sandbox.interface}" }}\n' for name in SWITCHED)
    return "".join(gone) + f'include "{TREE}/nftables/sandboxes/{sandbox.name}.nft"\n'


def project(directory: Path, count: int) -> Plan:
    """Compile a project with so many sandboxes of one template."""
    content = {
        "user": "alice",
        "externalInterface": "wan0",
        "templates": {
            "restricted": {
                "rootfs": GUEST,
                "nixDaemon": False,
                "network": "restricted",
                "allowedHosts": [NAME, *LISTED],
            }
        },
        "sandboxes": {
            f"box-{number:04}": {"template": "restricted", "workspace": "~/projects/box"}
            for number in range(count)
        },
    }
    directory.mkdir()
    (directory / "forage.json").write_text(json.dumps(content), encoding="utf-8")
    return compile_project(directory)


@contextmanager
def prepared() -> Iterator[TestHost]:
    """The host with both trees, the servers, and the one sandbox running."""
    with (
        tempfile.TemporaryDirectory() as directory,
        TestHost(recipe=HOST) as host,
        Internet(host, ttl=60) as internet,
    ):
        one, many = (project(Path(directory, str(n)), n) for n in (1, MANY))
        measured = many.sandboxes[0]
        if (measured.name, measured.address) != (MEASURED, one.sandboxes[0].address):
            sys.exit("the sandbox that is measured is not the same in both trees")
        make_owner(host, replace(many, sandboxes=many.sandboxes[:1]))
        activate(host, many)
        for artifact in emit(one):
            if artifact.path.startswith("nftables/"):
                host.write(f"{TREES[1]}/{artifact.path}", artifact.content.decode())
        # Scripts are in the large tree alone.
        host.sh(f"ln -s {TREES[MANY]}/libexec {TREES[MANY]}/manifest.json {TREES[1]}")
        host.write("/srv/linear.nft", linear(many))
        host.write("/srv/again.nft", again(measured))
        host.write("/run/bench-nginx.conf", _NGINX)
        internet.record(NAME, SERVER)
        host.sh(_SERVERS, *LISTED, UNLISTED)
        host.run("systemctl", "start", measured.unit)
        host.sandbox(MEASURED).await_running()
        # It would load the fence again where a variant has none.
        host.run("systemctl", "stop", "forage-mend.timer")
        host.sh('echo "$1" >>/etc/hosts', f"{UNLISTED} {NAME}")
        yield host


def inside(host: TestHost, *argv: str) -> str:
    """Run a program of the host in the sandbox's network, and give what it printed."""
    return host.run("ip", "netns", "exec", f"forage-{MEASURED}", *argv, timeout=120).stdout


def busy() -> float:
    """The part of the processors' time that was in use during half a second."""
    before = _times()
    time.sleep(0.5)
    idle, total = (after - was for after, was in zip(_times(), before, strict=True))
    return 1 - idle / total


def _times() -> tuple[int, int]:
    numbers = [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
    return numbers[3] + numbers[4], sum(numbers[:8])


def await_quiet() -> None:
    """Wait, for a while, until nothing else runs on the machine."""
    deadline = time.monotonic() + PATIENCE
    while busy() > QUIET and time.monotonic() < deadline:
        pass


def measure(host: TestHost, *, has_proxy: bool) -> dict[str, float]:
    """One look at what is loaded now."""
    await_quiet()
    iperf = ("iperf3", "--client", SERVER, "--time=1", "--json")
    stream = json.loads(inside(host, *iperf))
    datagrams = json.loads(inside(host, *iperf, "--udp", "--length=64", "--bitrate=0"))
    received = datagrams["end"]["sum"]
    named: dict[str, float] = {}
    for way, (scheme, port) in BY_NAME.items() if has_proxy else ():
        named[f"{way} direct"] = connections(host, f"{scheme}://{SERVER}:{port}/")
        named[f"{way} by the proxy"] = connections(host, f"{scheme}://{NAME}:{port}/")
    return named | {
        "TCP": stream["end"]["sum_received"]["bits_per_second"] / 1e9,
        "UDP of 64 bytes": (received["packets"] - received["lost_packets"])
        / received["seconds"]
        / 1000,
        "connections": connections(host, f"http://{SERVER}:8080/"),
    }


def connections(host: TestHost, url: str) -> float:
    """How many thousands of connections with one request each wrk makes in a second."""
    told = inside(host, *_WRK, url)
    if "Non-2xx" in told:
        sys.exit(told)
    return float(told.partition("Requests/sec:")[2].split()[0]) / 1000


def all_rounds(host: TestHost) -> dict[str, list[dict[str, float]]]:
    """Measure all variants in turns, each round beginning with another one."""
    rows: dict[str, list[dict[str, float]]] = {variant.name: [] for variant in VARIANTS}
    for turn in range(-1, ROUNDS):
        start = turn % len(VARIANTS)
        for variant in (*VARIANTS[start:], *VARIANTS[:start]):
            host.sh(_CLEAR + variant.load, timeout=120)
            got = measure(host, has_proxy=variant in {ONE, THOUSAND})
            if turn >= 0:  # the first finds cold caches
                rows[variant.name].append(got)
    host.sh(_CLEAR + THOUSAND.load)
    return rows


def pairs(host: TestHost) -> None:
    """Print 1,000 by 1 once more, of so many pairs that chance counts less."""
    ratios: dict[str, list[float]] = {name: [] for name in MEASURES}
    for turn in range(PAIRS):
        looks: dict[Variant, dict[str, float]] = {}
        for variant in (ONE, THOUSAND) if turn % 2 else (THOUSAND, ONE):
            host.sh(_CLEAR + variant.load, timeout=120)
            looks[variant] = measure(host, has_proxy=False)
        for name, values in ratios.items():
            values.append(math.log(looks[THOUSAND][name] / looks[ONE][name]))
    cells = map(interval, ratios.values())
    print("\n| | " + " | ".join(MEASURES) + " |")
    print("| --- " * (len(MEASURES) + 1) + "|")
    print(f"| 1,000 by 1, of {PAIRS} pairs | " + " | ".join(cells) + " |")


def interval(logarithms: list[float]) -> str:
    """The mean of ratios, given by their logarithms, and where it is in 95 of 100 cases.

    The mean of the logarithms has its error from their spread; 1.96 of it are 95 in 100.
    """
    middle = statistics.mean(logarithms)
    error = statistics.stdev(logarithms) / math.sqrt(len(logarithms))
    low, high = (math.exp(middle + sign * 1.96 * error) for sign in (-1, 1))
    return f"{math.exp(middle):.3f} ({low:.3f} to {high:.3f})"


def show_rounds(rows: dict[str, list[dict[str, float]]]) -> None:
    """Print medians with half the distance between the quartiles, the best, and 1,000 beside 1."""
    print("\n| | " + " | ".join(f"{name}, {unit}" for name, unit in MEASURES.items()) + " |")
    print("| --- " * (len(MEASURES) + 1) + "|")
    for name, looks in rows.items():
        cells = [
            f"{show(values)}, {max(values):.2f}"
            for values in ([look[measure] for look in looks] for measure in MEASURES)
        ]
        print(f"| {name} | " + " | ".join(cells) + " |")
    show_ratios(rows, MEASURES)
    print("\n| | " + " | ".join(f"{name}, {unit}" for name, unit in NAMED.items()) + " |")
    print("| --- " * (len(NAMED) + 1) + "|")
    for variant in (ONE, THOUSAND):
        cells = [show([look[measure] for look in rows[variant.name]]) for measure in NAMED]
        print(f"| {variant.name} | " + " | ".join(cells) + " |")
    show_ratios(rows, NAMED)


def show_ratios(rows: dict[str, list[dict[str, float]]], measures: Iterable[str]) -> None:
    """Print what 1,000 sandboxes leave of what one has."""
    measures = list(measures)
    pairs = list(zip(rows[THOUSAND.name], rows[ONE.name], strict=True))
    cells = [show([many[m] / one[m] for many, one in pairs], digits=3) for m in measures]
    print("| 1,000 by 1, of each round | " + " | ".join(cells) + " |")
    best = [{m: max(look[m] for look in rows[v.name]) for m in measures} for v in (THOUSAND, ONE)]
    cells = [f"{best[0][m] / best[1][m]:.3f}" for m in measures]
    print("| 1,000 by 1, of the best | " + " | ".join(cells) + " |")


def show(values: list[float], digits: int = 2) -> str:
    """A median, and half the distance between the quartiles."""
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle:.{digits}f} ± {(high - low) / 2:.{digits}f}"


def loads(host: TestHost) -> None:
    """Print how long it takes to load rules, and to switch one sandbox."""
    nft = f"nft -I {TREE}/nftables -f {TREE}/nftables/"
    ctl = f"{TREE}/libexec/forage-ctl network {MEASURED}"
    timed = {
        "the rules, into nothing": ("nft flush ruleset", f"{nft}forage.nft"),
        "the rules, in place of themselves": ("", f"{nft}forage.nft"),
        "`systemctl reload forage-firewall`": ("", "systemctl reload forage-firewall"),
        "the elements of one sandbox": ("", "nft -f /srv/again.nft"),
        "`forage-ctl network NAME none`": ("", f"{ctl} none >/dev/null"),
        "`forage-ctl network NAME reset`": ("", f"{ctl} reset >/dev/null"),
    }
    took: dict[str, dict[int, list[float]]] = {what: {1: [], MANY: []} for what in timed}
    for _ in range(LOADS):
        for count, variant in ((1, ONE), (MANY, THOUSAND)):
            host.sh(_CLEAR + variant.load, timeout=120)
            for what, (before, command) in timed.items():
                script = f"{before}\nTIMEFORMAT=%R\ntime {command}\n"
                took[what][count].append(float(host.sh(script, timeout=120).stderr.split()[-1]))
    print("\n| | 1 sandbox | 1,000 sandboxes |\n| --- | --- | --- |")
    for what, by_count in took.items():
        cells = (f"{statistics.median(values) * 1000:.0f} ms" for values in by_count.values())
        print(f"| {what} | " + " | ".join(cells) + " |")


def proxy(host: TestHost) -> None:
    """Print what it takes to have a name checked."""
    took = json.loads(inside(host, "python3", "-c", _CLIENT))
    print("\n| | new connection, median | p99 | question on it, median | p99 |")
    print("| --- | --- | --- | --- | --- |")
    figures = {way: [f for values in lists for f in ends(values)] for way, lists in took.items()}
    figures["added"] = [b - a for a, b in zip(figures["direct"], figures["proxy"], strict=True)]
    for way, row in figures.items():
        print(f"| {way} | " + " | ".join(f"{value:.2f} ms" for value in row) + " |")


def ends(values: Iterable[float]) -> tuple[float, float]:
    """The median and the 99th percentile."""
    hundredths = statistics.quantiles(values, n=100)
    return hundredths[49], hundredths[98]


def main() -> None:
    """Print what benchmarks/README.md has."""
    if os.geteuid():
        sys.exit("it takes root")
    with suppress(KeyboardInterrupt), prepared() as host:
        print(f"load when it began: {os.getloadavg()[0]:.2f}")
        show_rounds(all_rounds(host))
        pairs(host)
        loads(host)
        proxy(host)
        print(f"\nload when it ended: {os.getloadavg()[0]:.2f}")


if __name__ == "__main__":
    main()
