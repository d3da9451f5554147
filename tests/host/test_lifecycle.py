"""A sandbox is new at every start, and leaves nothing when it stops."""

from __future__ import annotations

import difflib
import json
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.host.probes import has_marker, is_no_mount, leave_marker
from tests.testhost.host import HostError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.host.activate import Activated
    from tests.testhost.host import Sandbox, TestHost

SANDBOXES = ("coder", "research", "review", "shared", "builder")


def leftovers(host: TestHost) -> str:
    """What a sandbox makes outside of itself: mounts, links, namespaces, groups, rules, files."""
    script = """
        findmnt --list --noheadings --output=TARGET | sort
        ls /sys/class/net
        ip netns list | cut -d' ' -f1
        lsns --noheadings --type=net --output=NS
        # By name: of version 1, a sandbox gets a group of blkio when another one has a weight.
        find /sys/fs/cgroup -type d -name '*nspawn@*' -printf '%f\\n' | sort -u
        nft --stateless list ruleset
        machinectl list --no-legend
        systemctl list-units --plain --no-legend --state=active,activating,deactivating,failed \
            'forage*' 'systemd-nspawn@*' '*.mount' '*.scope' |
            grep -vE '^forage-(proxy|resolver)@' | awk '{ print $1, $3, $4 }' |
            grep -vE '\\.mount active mounted$'  # findmnt has them; systemd hears of them later
        # Mount points stay, and the names that have been sandboxes, until the host restarts.
        find /run/forage ! -type d ! -path '*/stopped/*'
        find /run/forage/secrets -mindepth 1 || true
        find /var/lib/forage/placeholders /var/lib/machines -xdev ! -type d || true
        # Not the locks that nspawn has by inode, which systemd does not remove.
        find /run/systemd/nspawn /run/systemd/machines /run/credentials ! -path '*/locks/*'
    """
    return host.sh(script).stdout


def await_only(host: TestHost, before: str) -> None:
    """Wait until there is what there was before, and nothing else. systemd takes a moment."""
    with suppress(HostError):
        host.wait_for(lambda: leftovers(host) == before, "all is gone", timeout=60)
    assert list(_changes(before, leftovers(host))) == []


def _changes(before: str, after: str) -> Iterator[str]:
    lines = difflib.ndiff(before.splitlines(), after.splitlines())
    return (line for line in lines if line.startswith(("+", "-")))


def without(forage: Activated, name: str) -> str:
    """What there is while the sandbox is stopped and another runs, for what all share."""
    forage.running("neighbour")
    forage.stop(name)
    sandbox = forage.sandbox(name)
    # systemd stops what nobody needs any more just after the sandbox.
    places = (f"/run/netns/{sandbox.netns}", sandbox.root, sandbox.workspace.staging)
    for place in places:
        gone = partial(is_no_mount, forage.host, place)
        forage.host.wait_for(gone, f"no {place}")
    # What only it needs is stopped just after it.
    timer = ("systemctl", "is-active", f"forage-reset@{name}.timer")
    forage.host.wait_for(
        lambda: forage.host.run(*timer, check=False).stdout.strip() != "active", "it has no timer"
    )
    # Such as what says why a sandbox of an earlier test did not start.
    on_the_way = ("systemctl", "list-units", "--no-legend", "--state=activating,deactivating")
    forage.host.wait_for(
        lambda: forage.host.run(*on_the_way, "forage*").stdout == "", "nothing is on its way"
    )
    return leftovers(forage.host)


@pytest.mark.parametrize("name", SANDBOXES)
def test_a_stop_leaves_nothing(forage: Activated, name: str) -> None:
    before = without(forage, name)
    forage.running(name)
    assert leftovers(forage.host) != before
    forage.stop(name)
    await_only(forage.host, before)


CRASHES = {
    "all of it": "systemctl kill --signal=KILL systemd-nspawn@coder",
    "nspawn": "kill -9 $(systemctl show --property=MainPID --value systemd-nspawn@coder)",
    "its init": "kill -9 $(machinectl show --property=Leader --value coder)",
}


@pytest.mark.parametrize("crash", CRASHES)
def test_a_killed_sandbox_leaves_nothing(forage: Activated, crash: str) -> None:
    before = without(forage, "coder")
    forage.running("coder")
    forage.host.sh(CRASHES[crash])
    forage.host.wait_for(lambda: not forage.active("coder"), "it is dead", timeout=60)
    forage.host.wait_for(
        lambda: forage.property("coder", "ActiveState") == "failed", "it has failed", timeout=60
    )
    forage.host.run("systemctl", "reset-failed", forage.sandbox("coder").unit)
    await_only(forage.host, before)


def test_what_keeps_the_host_from_replacing_is_removed_even_if_it_was_out_of_reach(
    forage: Activated,
) -> None:
    host, place = forage.host, forage.sandbox("coder").workspace.source
    before = without(forage, "coder")
    forage.running("coder")
    host.run("mount", "-t", "tmpfs", "somebody", place)
    try:
        forage.stop("coder")
        # What it needed is stopped just after it, and looks as well.
        needed = ("systemctl", "is-active", "forage-prepare@coder.service")
        host.wait_for(
            lambda: host.run(*needed, check=False).stdout == "inactive\n", "all is stopped"
        )
    finally:
        host.run("umount", place)
    # The control: what is kept in mind is there.
    assert f"{place}/.git" in leftovers(host)
    assert "something was mounted over" in host.journal(forage.sandbox("coder").unit)
    forage.running("coder")
    forage.stop("coder")
    await_only(host, before)


def test_after_its_system_powers_off_it_is_stopped(forage: Activated) -> None:
    forage.running("review")
    # It asks the init inside. A command from within could die before it has answered.
    forage.host.run("machinectl", "poweroff", "review")
    forage.host.wait_for(lambda: not forage.active("review"), "the sandbox is off")
    assert forage.property("review", "Result") == "success"


def test_a_restart_is_fresh(forage: Activated, review: Sandbox) -> None:
    leave_marker(review)
    assert has_marker(review)
    forage.host.run("systemctl", "restart", forage.sandbox("review").unit)
    assert not has_marker(forage.running("review"))


def test_a_reset_is_fresh(forage: Activated, coder: Sandbox) -> None:
    leave_marker(coder)
    coder.sh("echo work >/workspace/work", user="agent")
    forage.host.run("systemctl", "start", "forage-reset@coder.service")
    sandbox = forage.running("coder")
    assert not has_marker(sandbox)
    assert sandbox.run("cat", "/workspace/work").stdout == "work\n"


def test_a_reset_does_not_start_what_is_stopped(forage: Activated) -> None:
    forage.stop("coder")
    forage.host.run("systemctl", "start", "forage-reset@coder.service")
    assert not forage.active("coder")


def test_the_target_starts_what_starts_with_the_host(forage: Activated) -> None:
    forage.stop_all()
    forage.host.run("systemctl", "enable", "--now", "forage.target")
    assert forage.active("coder")
    assert not forage.active("review")
    forage.host.run("systemctl", "disable", "--now", "forage.target")


def test_a_timer_runs_as_long_as_its_sandbox(forage: Activated) -> None:
    forage.stop_all()
    forage.host.wait_for(lambda: not timers(forage), "no timer")
    forage.running("coder")
    forage.host.run("systemctl", "start", "forage-reset@coder.service")
    (timer,) = timers(forage)
    assert timer["unit"] == "forage-reset@coder.timer"
    assert timer["activates"] == "forage-reset@coder.service"
    assert timer["next"]
    forage.stop("coder")
    forage.host.wait_for(lambda: not timers(forage), "no timer")


def timers(forage: Activated) -> list[dict[str, object]]:
    listed = json.loads(forage.host.run("systemctl", "list-timers", "--output=json").stdout)
    return [timer for timer in listed if "forage-reset" in timer["unit"]]


def test_the_last_sandbox_can_be_followed_by_all_at_once(forage: Activated) -> None:
    # They share the firewall and the resolvers, which are started and stopped with them.
    forage.stop_all()
    units = [forage.sandbox(name).unit for name in SANDBOXES]
    forage.host.run("systemctl", "start", *units)
    for name in SANDBOXES:
        assert forage.running(name).state() == "running"
