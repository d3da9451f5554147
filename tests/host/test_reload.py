"""A reload of the host's firewall, or of the fence, lets no packet of a sandbox through."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.host.probes import REFUSED, fetch
from tests.testhost.internet import NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.host.activate import Activated
    from tests.testhost.host import TestHost

FORBIDDEN = ("198.18.1.15", "192.168.77.30", "10.50.0.5")

# Counts what comes out at the other end, where no reload can reset it.
_COUNT = f"""
table inet watch
delete table inet watch
table inet watch {{
    counter arrived {{ }}
    chain prerouting {{
        type filter hook prerouting priority raw;
        ip daddr {{ {", ".join(FORBIDDEN)} }} counter name arrived
    }}
}}
"""

# Sends as fast as it can, by UDP and TCP, until it is stopped.
_FLOOD = f"""
import itertools, socket
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.setblocking(False)
for address in itertools.cycle({FORBIDDEN!r}):
    for _ in range(20):
        try:
            udp.sendto(b"x", (address, 53))
        except OSError:
            pass
    tcp = socket.socket()
    tcp.setblocking(False)
    tcp.connect_ex((address, 80))
    tcp.close()
"""

# What nftables.service of NixOS loads, in one transaction. With `flushRuleset` the first
# line is this, and the module adds the others (nixos-module/default.nix).
_FLUSHES = """
flush ruleset
include "/etc/forage/tree/nftables/*.nft"
include "/etc/forage/tree/nftables/templates/*.nft"
include "/etc/forage/tree/nftables/sandboxes/*.nft"
"""
_DELETES = """
table inet nixos-fw
delete table inet nixos-fw
"""
_RULES = """
table inet nixos-fw {
    chain input { type filter hook input priority filter; policy accept; }
    chain forward { type filter hook forward priority filter; policy accept; }
}
"""
_FIFTY_TIMES = "for ((n = 0; n < 50; n++)); do nft -f /run/host-firewall.nft; done"

# What firewall.service of NixOS does at a reload, with iptables: its chains are emptied, and
# meanwhile one drops what comes in (nixos/modules/services/networking/firewall-iptables.nix).
_IPTABLES = """
for ((n = 0; n < 20; n++)); do
  iptables -w -N nixos-drop 2>/dev/null || true
  iptables -w -A nixos-drop -j DROP
  iptables -w -A INPUT -j nixos-drop
  iptables -w -D INPUT -j nixos-fw 2>/dev/null || true
  iptables -w -F nixos-fw 2>/dev/null || true
  iptables -w -X nixos-fw 2>/dev/null || true
  iptables -w -N nixos-fw
  iptables -w -A nixos-fw -i fg-+ -j ACCEPT
  iptables -w -A INPUT -j nixos-fw
  iptables -w -D INPUT -j nixos-drop
  iptables -w -F nixos-drop
  iptables -w -X nixos-drop
done
iptables -w -D INPUT -j nixos-fw
iptables -w -F nixos-fw
iptables -w -X nixos-fw
"""

RELOADS = {
    "iptables": ("", _IPTABLES),
    "all tables flushed": (_FLUSHES + _RULES, _FIFTY_TIMES),
    "its own table replaced": (_DELETES + _RULES, _FIFTY_TIMES),
    "the fence itself": (
        "",
        "for ((n = 0; n < 20; n++)); do systemctl reload forage-firewall.service; done",
    ),
}


@pytest.fixture
def flooded(forage: Activated) -> Iterator[Activated]:
    """The project, with a sandbox that knocks at every door that is closed to it."""
    sandbox = forage.running("coder")
    forage.host.run("ip", "netns", "exec", NAMESPACE, "nft", "-f", "-", input=_COUNT)
    sandbox.run("systemd-run", "--unit=flood", "--collect", "python3", "-c", _FLOOD)
    yield forage
    sandbox.run("systemctl", "stop", "flood")
    forage.host.sh("nft delete table inet nixos-fw 2>/dev/null || true")
    forage.host.run("systemctl", "reload", "forage-firewall.service")


def arrived(host: TestHost) -> int:
    """How many packets have come where none may come."""
    listed = host.run(
        *("ip", "netns", "exec", NAMESPACE, "nft", "list", "counter", "inet", "watch", "arrived")
    ).stdout
    return int(listed.split("packets ")[1].split()[0])


def refused(host: TestHost) -> int:
    """How many packets the fence has refused since it was loaded."""
    listed = host.run("nft", "list", "chain", "inet", "forage", "refuse").stdout
    return sum(int(part.split()[0]) for part in listed.split("packets ")[1:])


@pytest.mark.parametrize("how", RELOADS)
def test_no_packet_gets_through(flooded: Activated, how: str) -> None:
    ruleset, reload = RELOADS[how]
    flooded.host.write("/run/host-firewall.nft", ruleset)

    flooded.host.sh(reload, timeout=120)
    flooded.host.wait_for(lambda: refused(flooded.host) > 0, "the flood is refused")

    assert arrived(flooded.host) == 0
    assert flooded.active("coder")


def test_a_packet_that_has_met_no_chain_is_stopped_by_the_next(flooded: Activated) -> None:
    # As in the instant in which the chains are exchanged: the hook of the first is empty.
    flooded.host.run("nft", "flush", "chain", "inet", "forage", "forward")
    unjudged = ("nft", "list", "chain", "inet", "forage", "still_forwarded")
    flooded.host.wait_for(
        lambda: "packets 0 " not in flooded.host.run(*unjudged).stdout, "the second one drops them"
    )

    assert arrived(flooded.host) == 0


def test_so_is_one_to_the_host(forage: Activated) -> None:
    sandbox = forage.running("coder")
    serve = ("python3", "-m", "http.server", "9091", "--directory", "/etc/keys")
    forage.host.run("systemd-run", "--collect", "--unit=to-the-host", *serve)
    gateway = str(forage.plan.gateway)
    ask = ("curl", "-s", f"http://{gateway}:9091/")
    forage.host.wait_for(lambda: forage.host.run(*ask, check=False).stdout, "the service answers")

    forage.host.run("nft", "flush", "chain", "inet", "forage", "input")
    assert fetch(sandbox, f"{gateway}:9091") == REFUSED
    forage.host.run("nft", "flush", "chain", "inet", "forage", "still_local")
    assert fetch(sandbox, f"{gateway}:9091") != REFUSED

    forage.host.run("systemctl", "stop", "to-the-host")
    forage.host.run("systemctl", "reload", "forage-firewall.service")


def test_they_would_be_counted(flooded: Activated) -> None:
    flooded.host.write("/run/host-firewall.nft", "flush ruleset\n" + _RULES)
    flooded.host.run("nft", "-f", "/run/host-firewall.nft")
    flooded.host.run("ip", "xfrm", "policy", "flush")

    flooded.host.wait_for(lambda: arrived(flooded.host) > 0, "packets arrive without the fence")
