"""What else hosts run beside sandboxes: Docker, libvirt, a resolver, a web server of their own.

Docker and libvirt are their bridges and rules, as they load them by iptables, with a container
and a machine behind them. All else is the real thing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.host.probes import REFUSED, fetch, look_up
from tests.host.project_on_host import NAMES
from tests.testhost.internet import NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.host.activate import Activated

PUBLIC = "198.18.0.2"
GATEWAY = "10.100.0.1"
FAR = f"{NAMES['other.example.net']}:80"
DOCKER_FORWARD = Path(__file__).parents[2] / "nixos-module/docker-forward.sh"

# A bridge with one network namespace behind it, in which a server answers.
_BEHIND_A_BRIDGE = """
sysctl --quiet --write net.ipv4.ip_forward=1
bridge() {
  ip link add "$1" type bridge
  ip address add "$2.1/$3" dev "$1"
  ip netns add behind
  ip link add outer-behind master "$1" type veth peer name eth0 netns behind
  ip link set outer-behind up
  ip link set "$1" up
  ip -n behind link set lo up
  ip -n behind address add "$2.2/$3" dev eth0
  ip -n behind link set eth0 up
  ip -n behind route add default via "$2.1"
  mkdir -p /run/behind
  echo behind >/run/behind/index.html
  systemd-run --quiet --collect --unit=behind --property=NetworkNamespacePath=/run/netns/behind \
    python3 -m http.server 80 --directory /run/behind
}
"""
_NO_BRIDGE = """
systemctl stop behind
ip netns delete behind
ip link delete "$1"
rm -r /run/behind
"""

# Docker 27, with a published port.
_DOCKER = """
bridge docker0 172.17.0 16
iptables-restore --noflush <<'RULES'
*nat
:DOCKER -
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
-A DOCKER -i docker0 -j RETURN
-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8088 -j DNAT --to-destination 172.17.0.2:80
COMMIT
*filter
:FORWARD DROP
:DOCKER -
:DOCKER-ISOLATION-STAGE-1 -
:DOCKER-ISOLATION-STAGE-2 -
:DOCKER-USER -
-A FORWARD -j DOCKER-USER
-A FORWARD -j DOCKER-ISOLATION-STAGE-1
-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -o docker0 -j DOCKER
-A FORWARD -i docker0 ! -o docker0 -j ACCEPT
-A FORWARD -i docker0 -o docker0 -j ACCEPT
-A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT
-A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2
-A DOCKER-ISOLATION-STAGE-1 -j RETURN
-A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP
-A DOCKER-ISOLATION-STAGE-2 -j RETURN
-A DOCKER-USER -j RETURN
COMMIT
RULES
ip6tables --wait --policy FORWARD DROP
"""

# libvirt 10's network "default": its rules, and its dnsmasq.
_LIBVIRT = """
bridge virbr0 192.168.122 24
iptables-restore --noflush <<'RULES'
*nat
:LIBVIRT_PRT -
-A POSTROUTING -j LIBVIRT_PRT
-A LIBVIRT_PRT -s 192.168.122.0/24 -d 224.0.0.0/24 -j RETURN
-A LIBVIRT_PRT -s 192.168.122.0/24 ! -d 192.168.122.0/24 -j MASQUERADE
COMMIT
*filter
:LIBVIRT_INP -
:LIBVIRT_FWX -
:LIBVIRT_FWI -
:LIBVIRT_FWO -
-A INPUT -j LIBVIRT_INP
-A FORWARD -j LIBVIRT_FWX
-A FORWARD -j LIBVIRT_FWI
-A FORWARD -j LIBVIRT_FWO
-A LIBVIRT_INP -i virbr0 -p udp -m udp --dport 53 -j ACCEPT
-A LIBVIRT_INP -i virbr0 -p tcp -m tcp --dport 53 -j ACCEPT
-A LIBVIRT_FWO -s 192.168.122.0/24 -i virbr0 -j ACCEPT
-A LIBVIRT_FWO -i virbr0 -j REJECT --reject-with icmp-port-unreachable
-A LIBVIRT_FWI -d 192.168.122.0/24 -o virbr0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A LIBVIRT_FWI -o virbr0 -j REJECT --reject-with icmp-port-unreachable
-A LIBVIRT_FWX -i virbr0 -o virbr0 -j ACCEPT
COMMIT
RULES
systemd-run --quiet --collect --unit=behind-dns dnsmasq --keep-in-foreground --pid-file= \
  --conf-file=/dev/null --no-resolv --no-hosts --bind-dynamic --interface=virbr0 \
  --except-interface=lo --address=/own.test/192.168.122.2
"""

_NO_IPTABLES = """
for family in ip ip6; do
  for table in nat filter; do
    nft delete table "$family" "$table" 2>/dev/null || true
  done
done
"""

_DNSMASQ = """
systemd-run --quiet --collect --unit=own-dns dnsmasq --keep-in-foreground --pid-file= \
  --conf-file=/dev/null --no-resolv --no-hosts --address=/own.test/198.18.1.15
"""

_NGINX = """
mkdir -p /run/own-web
cat >/run/own-web/nginx.conf <<'CONF'
daemon off;
pid /run/own-web/pid;
error_log stderr;
events {}
http {
  access_log off;
  server { listen 80 default_server; listen 443; return 200 own; }
}
CONF
systemd-run --quiet --collect --unit=own-web nginx -c /run/own-web/nginx.conf
"""


@dataclass(frozen=True)
class Neighbour:
    """Something that the host has besides.

    Attributes:
        up: A script that sets it up.
        down: One that takes it away.
        works: Commands of the host that print something if it does its own work.
        closed: Its services, none of which a sandbox may reach.
    """

    up: str
    down: str
    works: tuple[str, ...]
    closed: tuple[str, ...]


def at(namespace: str, command: str) -> str:
    return f"ip netns exec {namespace} {command}"


def get(place: str) -> str:
    return f"curl --silent --max-time 5 http://{place}/"


def ask(server: str) -> str:
    return f"dig +short +tries=1 +time=2 @{server} own.test A"


NEIGHBOURS = {
    "docker": Neighbour(
        _BEHIND_A_BRIDGE + _DOCKER,
        f"set -- docker0\n{_NO_BRIDGE}{_NO_IPTABLES}",
        (at("behind", get(FAR)), at(NAMESPACE, get(f"{PUBLIC}:8088"))),
        ("172.17.0.2:80", f"{PUBLIC}:8088", f"{GATEWAY}:8088"),
    ),
    "libvirt": Neighbour(
        _BEHIND_A_BRIDGE + _LIBVIRT,
        f"set -- virbr0\nsystemctl stop behind-dns\n{_NO_BRIDGE}{_NO_IPTABLES}",
        (at("behind", get(FAR)), at("behind", ask("192.168.122.1"))),
        ("192.168.122.2:80",),
    ),
    "dnsmasq": Neighbour(
        _DNSMASQ,
        "systemctl stop own-dns",
        (ask("127.0.0.1"), at(NAMESPACE, ask(PUBLIC))),
        (),
    ),
    "nginx": Neighbour(
        _NGINX,
        "systemctl stop own-web; rm -r /run/own-web",
        (get("127.0.0.1"), at(NAMESPACE, get(f"{PUBLIC}:80")), at(NAMESPACE, get(f"{PUBLIC}:443"))),
        (f"{PUBLIC}:80", f"{PUBLIC}:443", f"{GATEWAY}:80", f"{GATEWAY}:443"),
    ),
}


@pytest.fixture(params=NEIGHBOURS)
def neighbour(request: pytest.FixtureRequest, forage: Activated) -> Iterator[Neighbour]:
    """One of them, set up before anything of Forage starts."""
    found = NEIGHBOURS[request.param]
    forage.stop_all()
    forage.host.sh(found.up)
    yield found
    forage.stop_all()
    forage.host.sh(found.down)


def works(forage: Activated, neighbour: Neighbour) -> list[bool]:
    return [bool(forage.host.sh(each, check=False).stdout.strip()) for each in neighbour.works]


def test_both_do_their_work_and_neither_reaches_the_other(
    forage: Activated, neighbour: Neighbour, request: pytest.FixtureRequest
) -> None:
    host = forage.host
    host.wait_for(lambda: all(works(forage, neighbour)), "the neighbour works")
    coder, research = forage.running("coder"), forage.running("research")
    if "docker" in request.node.name:
        # Without this nothing is forwarded for sandboxes: it is what the module has Docker's
        # unit do when Docker is up.
        assert fetch(research, FAR) == REFUSED
        host.sh(DOCKER_FORWARD.read_text())
        host.sh(DOCKER_FORWARD.read_text())
        assert host.run("iptables", "--list-rules", "FORWARD").stdout.count("fg-+") == 2

    assert fetch(research, FAR) == FAR
    assert fetch(coder, "allowed.example.net") == f"{NAMES['allowed.example.net']}:80"
    assert fetch(coder, "db.example.net:5432") == f"{NAMES['db.example.net']}:5432"
    assert fetch(coder, FAR) == REFUSED
    assert look_up(coder, "own.test") == []
    assert [fetch(box, place) for box in (coder, research) for place in neighbour.closed] == [
        REFUSED for _ in range(2) for _ in neighbour.closed
    ]
    assert all(works(forage, neighbour))
