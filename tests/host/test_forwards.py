"""Ports of the host that lead into a sandbox: to it, for whom they are, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.host.probes import REFUSED, fence_down, fetch
from tests.testhost.internet import NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.host.activate import Activated
    from tests.testhost.host import Sandbox

# What forage.toml of these tests forwards to port 8000 of coder.
LOOPBACK, NAMED = "127.0.0.1:8091", "198.18.0.2:8092"
LISTING = "Directory listing"
OUTSIDE = ("ip", "netns", "exec", NAMESPACE)


@pytest.fixture
def serving(forage: Activated, coder: Sandbox) -> Iterator[Sandbox]:
    """A sandbox with a web server at port 8000, and another at 8001."""
    for port in ("8000", "8001"):
        serve = ("python3", "-m", "http.server", port, "--directory", "/workspace")
        coder.run("systemd-run", "--quiet", "--collect", f"--unit=web{port}", *serve)
    address = forage.sandbox("coder").address
    forage.host.wait_for(
        lambda: all(get(forage, f"{address}:{port}") for port in (8000, 8001)), "both answer"
    )
    yield coder
    # It may have been started anew.
    coder.run("systemctl", "stop", "web8000", "web8001", check=False)


def get(forage: Activated, place: str, *where: str) -> str:
    argv = ("curl", "--silent", "--max-time", "5", f"http://{place}/")
    return forage.host.run(*where, *argv, check=False).stdout


def test_the_host_reaches_what_is_asked_for_and_no_other_port(
    forage: Activated, serving: Sandbox
) -> None:
    assert serving.state() == "running"
    assert LISTING in get(forage, LOOPBACK)
    assert LISTING in get(forage, NAMED)
    listening = forage.host.run("ss", "-Hltn").stdout
    assert {line.split()[3] for line in listening.splitlines() if ":80" in line} == {
        LOOPBACK,
        NAMED,
    }


def test_outside_reaches_the_named_address_and_not_loopback(
    forage: Activated, serving: Sandbox
) -> None:
    assert serving.state() == "running"
    assert LISTING in get(forage, NAMED, *OUTSIDE)
    assert get(forage, "198.18.0.2:8091", *OUTSIDE) == ""
    # Even one that takes the host for the way to 127.0.0.1.
    forage.host.run(*OUTSIDE, "sysctl", "-qw", "net.ipv4.conf.all.route_localnet=1")
    forage.host.run(*OUTSIDE, "ip", "route", "add", "127.0.0.1", "via", "198.18.0.2", "table", "9")
    forage.host.run(*OUTSIDE, "ip", "rule", "add", "pref", "0", "lookup", "9")
    assert get(forage, LOOPBACK, *OUTSIDE) == ""
    forage.host.run(*OUTSIDE, "ip", "rule", "delete", "pref", "0", "lookup", "9")
    forage.host.run(*OUTSIDE, "ip", "route", "flush", "table", "9")
    forage.host.run(*OUTSIDE, "sysctl", "-qw", "net.ipv4.conf.all.route_localnet=0")


def test_another_sandbox_reaches_none(
    forage: Activated, research: Sandbox, serving: Sandbox
) -> None:
    assert serving.state() == "running"
    for place in (NAMED, "10.100.0.1:8091", "198.18.0.2:8091"):
        assert fetch(research, place) == REFUSED
    with fence_down(forage.host):
        assert LISTING in fetch(research, NAMED)
        # What listens at loopback is not there for others, fence or not.
        assert fetch(research, "10.100.0.1:8091") == REFUSED


def test_the_sandbox_itself_may_begin_no_more_than_before(
    forage: Activated, serving: Sandbox
) -> None:
    rules = forage.host.run("nft", "--stateless", "list", "chain", "inet", "forage", "to_host")
    assert LISTING in get(forage, LOOPBACK)
    # Neither the ports that lead to it, nor anything of who comes by them.
    for place in (NAMED, "10.100.0.1:8091", "10.100.0.1:22", "198.18.1.15:81"):
        assert fetch(serving, place) == REFUSED
    again = forage.host.run("nft", "--stateless", "list", "chain", "inet", "forage", "to_host")
    assert again.stdout == rules.stdout
    assert "809" not in forage.host.run("nft", "list", "ruleset").stdout


def test_the_port_is_there_while_the_sandbox_runs(forage: Activated, serving: Sandbox) -> None:
    assert serving.state() == "running"
    assert LISTING in get(forage, LOOPBACK)
    forage.stop("coder")
    assert forage.host.run("ss", "-Hltn", "sport = :8091").stdout == ""
    assert forage.host.run("systemctl", "list-units", "-q", "forage-forward@*").stdout == ""
    forage.running("coder")
    # The socket comes after the sandbox.
    listening = ("ss", "-Hltn", "sport = :8091")
    forage.host.wait_for(lambda: "8091" in forage.host.run(*listening).stdout, "it listens")


@pytest.fixture
def taken(forage: Activated) -> Iterator[str]:
    """The socket of a port that another program of the host has."""
    forage.stop("coder")
    unit = "taken.service"
    serve = ("python3", "-m", "http.server", "8091", "--bind", "127.0.0.1", "--directory", "/srv")
    forage.host.run("systemd-run", "--quiet", "--collect", f"--unit={unit}", *serve)
    forage.host.wait_for(lambda: get(forage, LOOPBACK), "the other service answers")
    yield "forage-forward@coder-127-0-0-1-8091.socket"
    forage.host.run("systemctl", "stop", unit)
    forage.fresh("coder")


def test_a_port_that_is_taken_does_not_keep_the_sandbox_from_starting(
    forage: Activated, taken: str
) -> None:
    forage.running("coder")
    # The socket comes after the sandbox, so it is told of just after the start.
    forage.host.wait_for(
        lambda: "Failed to listen" in forage.host.journal(taken), "the socket says why"
    )
