"""`nft flush ruleset` closes sandboxes that run, and the fence comes back by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.host.probes import REFUSED, fetch
from tests.host.test_reload import arrived, flooded, refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.host.activate import Activated
    from tests.testhost.host import TestHost

__all__ = ["flooded"]

SERVICE = "to-the-host.service"
TIMER = "forage-mend.timer"
PUBLIC = "198.18.0.2"


@pytest.fixture
def flushed(flooded: Activated) -> Iterator[Activated]:
    """A sandbox that knocks at every closed door, and a service of the host, without rules."""
    serve = ("python3", "-m", "http.server", "9091", "--directory", "/etc/keys")
    flooded.running("twin")
    flooded.host.run("systemd-run", "--collect", f"--unit={SERVICE}", *serve)
    flooded.host.run("nft", "flush", "ruleset")
    yield flooded
    flooded.host.run("systemctl", "stop", SERVICE)
    flooded.host.run("systemctl", "reload", "forage-firewall.service")


def blocked(host: TestHost) -> int:
    """How many packets the kernel has dropped for want of rules that admitted them."""
    lines = host.run("cat", "/proc/net/xfrm_stat").stdout.splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("XfrmInPolBlock"))


def served(forage: Activated) -> bool:
    """Whether the service of the host answers a sandbox, at any address of the host."""
    places = " ".join(f"http://{address}:9091/" for address in (forage.plan.gateway, PUBLIC))
    ask = f"curl --silent --max-time 1 {places}"
    return forage.host.sandbox("coder").sh(ask, check=False).stdout != ""


def test_nothing_passes_without_rules(flushed: Activated) -> None:
    # Whose connections the other one's flood does not use up.
    twin = flushed.host.sandbox("twin")
    before = blocked(flushed.host)
    flushed.host.wait_for(lambda: blocked(flushed.host) > before + 1000, "packets are dropped")

    assert arrived(flushed.host) == 0
    assert not served(flushed)
    assert flushed.active("coder")

    flushed.host.run("systemctl", "reload", "forage-firewall.service")
    assert fetch(twin, "allowed.example.net") != REFUSED
    flushed.host.wait_for(lambda: refused(flushed.host) > 0, "the flood is refused")
    assert arrived(flushed.host) == 0


def test_it_is_what_the_kernel_drops_that_would_pass(flushed: Activated) -> None:
    flushed.host.run("ip", "xfrm", "policy", "flush")

    flushed.host.wait_for(lambda: arrived(flushed.host) > 0, "packets arrive")
    assert served(flushed)


def test_it_comes_back_by_itself(flooded: Activated) -> None:
    host, twin = flooded.host, flooded.running("twin")
    host.run("systemctl", "unmask", "--runtime", TIMER)
    try:
        host.run("systemctl", "start", TIMER)
        host.run("nft", "flush", "ruleset")
        host.wait_for(lambda: whole(host), "the fence is back", timeout=20)
    finally:
        host.run("systemctl", "stop", TIMER)
        host.run("systemctl", "mask", "--runtime", TIMER)
    assert "removed by hand" in host.journal("forage-mend.service")
    assert fetch(twin, "allowed.example.net") != REFUSED


@pytest.mark.parametrize("how", ["nft delete table arp forage", "ip xfrm policy flush"])
def test_each_part_comes_back(forage: Activated, how: str) -> None:
    forage.running("coder")
    forage.host.sh(f"{how}\nsystemctl start forage-mend.service")

    assert whole(forage.host)


def whole(host: TestHost) -> bool:
    """Whether rules and policies are loaded."""
    tables = host.run("nft", "list", "tables").stdout.split("\n")
    policies = host.run("ip", "xfrm", "policy").stdout
    return {"table inet forage", "table arp forage"} <= set(tables) and policies.count("block") == 2
