"""An internet for the test host: a network namespace with servers and a resolver.

Its own addresses are of 198.18.0.0/15 and 2001:2::/48, set aside for benchmarks.
dnsmasq's protection from rebinding takes the documentation addresses for private
ones, so those would not do. Servers can be given any address, private ones too.
"""

from __future__ import annotations

import ipaddress
import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

    from tests.testhost.host import TestHost

NAMESPACE = "internet"
RESOLVER = "198.18.0.53"

DATA_NAME, DATA_BYTES = "data.wild.example.net", "bytes-of-a-tunnel"
# A name with much in records that programs ask for: where its mail goes.
LARGE_NAME, LARGE_TYPE, LARGE_SIZE = "large.wild.example.net", 15, 1000
# A name with a record of a type that nobody has a name for.
MADE_UP_TYPE = 65400

_DIRECTORY = "/run/internet"
_HOSTS = f"{_DIRECTORY}/hosts"
_QUERIES = f"{_DIRECTORY}/queries.log"
_REQUESTS = f"{_DIRECTORY}/requests.jsonl"
_SERVER = f"{_DIRECTORY}/server.py"
_CERTIFICATE = f"{_DIRECTORY}/certificate.pem"
_DNS_UNIT = "internet-dns.service"
_NETNS = f"NetworkNamespacePath=/run/netns/{NAMESPACE}"

# The internet has a route to the host's public address alone: what leaves with a
# private source address gets no answer, as in life. The ping waits until the kernel
# has noticed that the link is up, which it may put off for a second.
_UP = f"""
interface=$1
ip netns add {NAMESPACE}
ip link add "$interface" type veth peer name eth0 netns {NAMESPACE}
ip address add 198.18.0.2/24 dev "$interface"
ip address add 2001:2::2/64 dev "$interface" nodad
ip link set "$interface" up
ip -n {NAMESPACE} link set lo up
ip -n {NAMESPACE} address add 198.18.0.1/24 dev eth0
ip -n {NAMESPACE} address add 2001:2::1/64 dev eth0 nodad
ip -n {NAMESPACE} address add {RESOLVER}/24 dev eth0
ip -n {NAMESPACE} link set eth0 up
ip route add default via 198.18.0.1
ip route add default via 2001:2::1
ping -q -i 0.05 -c 1 -w 5 2001:2::1
echo "nameserver {RESOLVER}" >/etc/resolv.conf
"""

# A listening socket outlives the name of its namespace, hence the units first.
_DOWN = f"""
interface=$1
systemctl stop 'internet-*.service'
ip link delete "$interface"
ip netns delete {NAMESPACE}
rm -rf /etc/resolv.conf {_DIRECTORY}
"""

_DNSMASQ = (
    "dnsmasq",
    "--conf-file=/dev/null",
    "--user=root",
    "--pid-file=",
    "--no-resolv",
    "--no-hosts",
    f"--addn-hosts={_HOSTS}",
    # A name with records that hold any bytes: of TXT, NULL, and the one that iodine uses.
    f"--txt-record={DATA_NAME},{DATA_BYTES}",
    f"--dns-rr={DATA_NAME},10,{DATA_BYTES.encode().hex()}",
    f"--dns-rr={DATA_NAME},65399,{DATA_BYTES.encode().hex()}",
    f"--dns-rr={DATA_NAME},{MADE_UP_TYPE},{DATA_BYTES.encode().hex()}",
    *(f"--mx-host={LARGE_NAME},{f'{n}' * 50}.{'y' * 50}.wild.example.net,{n}" for n in range(10)),
    "--local=/#/",  # a name without a record does not exist, rather than being refused
    "--log-queries",
    f"--log-facility={_QUERIES}",
)


@dataclass(frozen=True)
class Request:
    """One HTTP request that arrived at a server of the internet."""

    client: str
    address: str
    port: int
    method: str
    path: str
    host: str | None


@dataclass
class Internet:
    """The internet that a test host is connected to while this is entered.

    `interface` is the host's own end of the link. A name may be kept for `ttl` seconds.
    """

    testhost: TestHost
    interface: str = "wan0"
    ttl: int = 0
    _records: dict[str, list[str]] = field(default_factory=dict)

    def __enter__(self) -> Self:
        self.testhost.sh(_UP, self.interface)
        self.testhost.write(_SERVER, (Path(__file__).parent / "internet_server.py").read_text())
        self.testhost.write(_HOSTS, "")
        self.testhost.write(_QUERIES, "")
        self.testhost.write(_REQUESTS, "")
        self.testhost.run(
            *("openssl", "req", "-x509", "-nodes", "-newkey", "ec", "-subj", "/CN=internet"),
            *("-pkeyopt", "ec_paramgen_curve:prime256v1", "-days", "1"),
            *("-keyout", _CERTIFICATE, "-out", f"{_CERTIFICATE}.only"),
        )
        self.testhost.sh(f"cat {_CERTIFICATE}.only >>{_CERTIFICATE}")
        self._start_dns(self.ttl)
        return self

    def __exit__(self, *_: object) -> None:
        if self.testhost.running:
            self.testhost.sh(_DOWN, self.interface)

    def record(self, name: str, *addresses: str) -> None:
        """Give the name these addresses, in place of those it had; none removes it."""
        self._records[name] = [str(ipaddress.ip_address(a)) for a in addresses]
        lines = [f"{a} {n}\n" for n, known in self._records.items() for a in known]
        self.testhost.write(_HOSTS, "".join(lines))
        # dnsmasq sees to its signals before its sockets: the next query meets the change.
        self.testhost.run("systemctl", "kill", "--signal=HUP", _DNS_UNIT)

    @contextmanager
    def answers_that_last(self, seconds: int) -> Iterator[None]:
        """Let every name be kept for so long."""
        self.testhost.run("systemctl", "stop", _DNS_UNIT)
        self._start_dns(seconds)
        try:
            yield
        finally:
            self.testhost.run("systemctl", "stop", _DNS_UNIT)
            self._start_dns(self.ttl)

    def serve(self, address: str, port: int, body: str, *, tls: bool = False) -> None:
        """Answer each HTTP request to the address and port with this body from now on."""
        ip = ipaddress.ip_address(address)
        unit = f"internet-http-{ip.exploded.replace(':', '.')}-{port}.service"
        self.testhost.run("systemctl", "stop", unit, check=False)  # there may be none yet
        self._have(ip)
        command = ("python3", _SERVER, str(ip), str(port), body, _REQUESTS)
        self._start(unit, "notify", *command, *([_CERTIFICATE] if tls else []))

    def serve_ssh(self, address: str, *, host_key: str, authorized: str) -> None:
        """Let every user of the test host log in at port 22 of the address, with a public key."""
        ip = ipaddress.ip_address(address)
        self._have(ip)
        directory = f"{_DIRECTORY}/ssh-{ip}"
        self.testhost.write(f"{directory}/host_key", host_key, mode=0o600)
        self.testhost.write(f"{directory}/authorized_keys", authorized)
        self.testhost.run("mkdir", "-p", "/run/sshd")
        options = {
            "ListenAddress": ip,
            "HostKey": f"{directory}/host_key",
            "AuthorizedKeysFile": f"{directory}/authorized_keys",
            "PasswordAuthentication": "no",
            "PidFile": "none",
        }
        words = [f"-o{name}={value}" for name, value in options.items()]
        self._start(
            f"internet-ssh-{ip}.service",
            "notify",
            *("/usr/sbin/sshd", "-D", "-e", "-f", "/dev/null", *words),
        )

    def _have(self, ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
        self.testhost.run(
            *("ip", "-n", NAMESPACE, "address", "replace", f"{ip}/{ip.max_prefixlen}"),
            *("dev", "lo", *(["nodad"] if ip.version == 6 else [])),
        )
        # Of IPv6, the kernel makes the route to it a little later, and refuses what comes before.
        route = ("ip", "-n", NAMESPACE, f"-{ip.version}", "route", "show", "table", "local")
        self.testhost.wait_for(lambda: self.testhost.run(*route, str(ip)).stdout, f"{ip} is there")

    def run_server(self, name: str, address: str, *argv: str) -> None:
        """Run a server of one's own, which says when it listens, at an address of the internet."""
        unit = f"internet-{name}.service"
        self.testhost.run("systemctl", "stop", unit, check=False)  # there may be none yet
        self._have(ipaddress.ip_address(address))
        self._start(unit, "notify", *argv)

    def requests(self, address: str) -> list[Request]:
        """What has arrived at the address, oldest first."""
        wanted = str(ipaddress.ip_address(address))
        lines = self._read(_REQUESTS)
        return [r for r in (Request(**json.loads(line)) for line in lines) if r.address == wanted]

    def queries(self) -> list[str]:
        """The names that the resolver was asked for, oldest first."""
        words = (line.split() for line in self._read(_QUERIES))
        return [w[i + 1] for w in words for i, word in enumerate(w) if word.startswith("query[")]

    def _read(self, path: str) -> list[str]:
        return (self.testhost.root / path.lstrip("/")).read_text().splitlines()

    def _start_dns(self, ttl: int) -> None:
        # It forks once it listens.
        self._start(_DNS_UNIT, "forking", *_DNSMASQ, f"--local-ttl={ttl}")

    def _start(self, unit: str, kind: str, *argv: str) -> None:
        self.testhost.run(
            *("systemd-run", "--quiet", "--collect", f"--unit={unit}", f"--service-type={kind}"),
            *("--expand-environment=no", f"--property={_NETNS}", "--", *argv),
        )
