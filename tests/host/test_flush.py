"""`nft flush ruleset` closes sandboxes that run, and the fence comes back by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.host.probes import REFUSED, fence_down, fetch
from tests.host.test_reload import arrived, flooded, refused
from tests.host.test_spoofing import watch
from tests.testhost.internet import NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.host.activate import Activated
    from tests.testhost.host import Sandbox, TestHost

__all__ = ["flooded"]

SERVICE = "to-the-host.service"
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
    flushed.host.wait_for(lambda: served(flushed), "it is served")


def test_nothing_comes_in_from_outside_either(forage: Activated) -> None:
    forage.running("coder")
    box = forage.sandbox("coder")
    outside = ("ip", "netns", "exec", NAMESPACE)
    route = ("ip", "route", "add", f"{box.address}/32", "via", PUBLIC)
    knock = f"import socket; socket.socket(2, 2).sendto(b'x', ('{box.address}', 4711))"
    forage.host.run(*outside, *route)
    forage.host.run("nft", "flush", "ruleset")
    try:
        with watch(forage, box.netns, "udp dport 4711") as arrived:
            forage.host.run(*outside, "python3", "-c", knock)
            assert arrived() == 0
            # The control: what stops it. A program of the host is stopped by nothing.
            forage.host.run("python3", "-c", knock)
            assert arrived() == 1
            forage.host.run("ip", "xfrm", "policy", "flush")
            forage.host.run(*outside, "python3", "-c", knock)
            assert arrived() == 1
    finally:
        forage.host.run(*outside, "ip", "route", "delete", f"{box.address}/32")
        forage.host.run("systemctl", "reload", "forage-firewall.service")


def test_it_comes_back_by_itself(flooded: Activated) -> None:
    host, twin = flooded.host, flooded.running("twin")
    flooded.mend_by_itself(on=True)
    try:
        host.run("nft", "flush", "ruleset")
        host.wait_for(lambda: whole(host), "the fence is back")
    finally:
        flooded.mend_by_itself(on=False)
    assert "removed by hand" in host.journal("forage-mend.service")
    assert fetch(twin, "allowed.example.net") != REFUSED


@pytest.mark.parametrize("how", ["nft delete table arp forage", "ip xfrm policy flush"])
def test_each_part_comes_back(forage: Activated, how: str) -> None:
    forage.running("coder")
    forage.host.sh(f"{how}\nsystemctl start forage-mend.service")

    assert whole(forage.host)


# What somebody may empty by hand, and what a sandbox then misses: a listed name, an address that is
# listed, or one that is public.
NAMED, LISTED, OPEN = "allowed.example.net", "192.168.77.20:8080", "198.18.1.20:80"
EMPTIED = {
    "map switched": OPEN,
    "map switched_local": NAMED,
    "map switched_names": NAMED,
    "map policies": LISTED,
    "map redirects": NAMED,
    "map resolvers": NAMED,
    "set sources": OPEN,
    "set t_coder_services": LISTED,
}
CLOSED = {
    "coder": ("198.18.1.15:80", "other.example.net", "10.50.0.5:80"),
    "research": ("192.168.77.30:80", "10.50.0.5:80", "198.18.0.2:22"),
}


def reached(sandbox: Sandbox, *places: str) -> set[str]:
    """Which of some places answer, asked all at once."""
    ask = """
        for place; do
          { curl --silent --fail --max-time 1.5 "http://$place/" >/dev/null && echo "$place"; } &
        done
        wait
    """
    return set(sandbox.run("bash", "-c", ask, "ask", *places, user="agent").stdout.split())


@pytest.mark.parametrize("what", EMPTIED)
def test_what_is_emptied_opens_nothing_and_comes_back(forage: Activated, what: str) -> None:
    sandboxes = {name: forage.running(name) for name in CLOSED}
    missed = EMPTIED[what]
    user = sandboxes["research" if missed == OPEN else "coder"]
    assert reached(user, missed)
    kind, _, name = what.partition(" ")
    forage.host.run("nft", "flush", kind, "inet", "forage", name)

    assert not reached(user, missed)
    assert not any(reached(sandboxes[each], *places) for each, places in CLOSED.items())
    forage.host.run("systemctl", "start", "forage-mend.service")
    forage.host.wait_for(lambda: reached(user, missed), "it is back")


def test_those_places_are_reached_where_the_fence_is_down(forage: Activated) -> None:
    research = forage.running("research")
    with fence_down(forage.host):
        assert reached(research, *CLOSED["research"][:2]) == set(CLOSED["research"][:2])


def test_what_closes_private_addresses_cannot_be_taken_out(
    forage: Activated, research: Sandbox
) -> None:
    listed = forage.host.run("nft", "--handle", "list", "table", "inet", "forage").stdout
    assert "ip daddr { 0.0.0.0/8, 10.0.0.0/8" in listed
    assert "set private" not in listed
    for what in ("set inet forage sources", "map inet forage switched"):
        assert forage.host.run("nft", "delete", *what.split(), check=False).returncode
    assert fetch(research, "10.50.0.5:80") == REFUSED
    with fence_down(forage.host):
        assert fetch(research, "10.50.0.5:80") == "10.50.0.5:80"


def test_nothing_is_loaded_again_where_nothing_was_taken_out(forage: Activated) -> None:
    coder = forage.running("coder")
    ctl = "/etc/forage/tree/libexec/forage-ctl network"
    reloads = ("systemctl", "show", "forage-firewall.service", "--property=ExecReloadEx")
    looks = ("", f"{ctl} coder restricted --allow=198.18.1.20:80", f"{ctl} coder reset")
    try:
        for switch in looks:
            before = forage.host.run(*reloads).stdout
            forage.host.sh(f"{switch}\nsystemctl start forage-mend.service")
            assert forage.host.run(*reloads).stdout == before
    finally:
        forage.host.sh("rm -rf /run/forage/network\nsystemctl reload forage-firewall.service")
    assert fetch(coder, "allowed.example.net") != REFUSED


def whole(host: TestHost) -> bool:
    """Whether rules and policies are loaded."""
    tables = host.run("nft", "list", "tables").stdout.split("\n")
    policies = host.run("ip", "xfrm", "policy").stdout
    return {"table inet forage", "table arp forage"} <= set(tables) and policies.count("block") == 3
