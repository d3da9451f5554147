"""What has been started and stopped often, or all at once, leaves the host as it was.

A start and a stop of the tests' systemd guest is a second of processor time and more, most of
it inside. So these guests are the lightest that there can be (light.py), and ten of them at a
time start and stop 20 times each. Outside of them everything is as it always is.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from tests.host.light import activate_light, names
from tests.host.test_lifecycle import leftovers
from tests.requirements import TEST_HOST, require
from tests.testhost.host import HostError, TestHost

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.host.activate import Activated

ALL = 50
AT_A_TIME = 10
TIMES = 20

MIB = 1 << 20
# What daemons may keep for themselves: memory that was freed, and caches.
SLACK = 32 * MIB

pytestmark = pytest.mark.host


@pytest.fixture(scope="module")
def light(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Activated]:
    """Fifty sandboxes on a host of their own, so that nothing else moves its counters."""
    require(*TEST_HOST)
    with TestHost() as host:
        activated = activate_light(host, tmp_path_factory.mktemp("light"), ALL)
        # Its service comes and goes.
        activated.mend_by_itself(on=False)
        # What they share is started with the first, and stays.
        start(activated, names(1))
        stop(activated, names(1))
        mounts = ("systemctl", "list-units", "--type=mount", "--no-legend")
        host.wait_for(lambda: "light" not in host.run(*mounts).stdout, "it is gone", timeout=60)
        yield activated


def start(light: Activated, which: list[str]) -> None:
    units = [light.sandbox(name).unit for name in which]
    light.host.run("systemctl", "start", *units, timeout=300)


def stop(light: Activated, which: list[str]) -> None:
    units = [light.sandbox(name).unit for name in which]
    light.host.run("systemctl", "stop", *units, timeout=300)


def counters(host: TestHost) -> dict[str, int]:
    """Count what a sandbox takes of the host, and what daemons hold open for sandboxes.

    Of the firewall its rules and its XFRM policies, in the host's own network namespace; a
    start adds to neither, and `leftovers` has the elements of sets. Not counted is what the
    kernel keeps for itself and lets go of in its own time (its own memory, connections that it
    tracks, neighbours), what is in namespaces that are gone with the sandbox, and what files
    on disk hold (the journal). `leftovers` names files.
    """
    script = r"""
        echo mounts $(wc -l </proc/1/mountinfo)
        echo links $(ip -oneline link | wc -l)
        echo namespaces $(lsns --noheadings --output=NS | wc -l)
        echo groups $(find /sys/fs/cgroup -type d | wc -l)
        echo rules $(nft --stateless list ruleset | wc -l)
        echo policies $(ip xfrm policy list | grep -c '^src')
        echo processes $(ps --no-headers -e | grep -cvE ' (ps|grep|bash|wc)$')
        for process in 1 $(pgrep 'dbus-daemon|dnsmasq|systemd-machine|systemd-journal'); do
          echo files-of-$(</proc/$process/comm) $(ls /proc/$process/fd | wc -l)
        done
    """
    counted: dict[str, int] = {}
    for line in host.sh(script).stdout.splitlines():
        name, count = line.split()
        counted[name] = counted.get(name, 0) + int(count)
    return counted


def memory(host: TestHost) -> int:
    """Memory of the host's processes and of its tmpfs file systems, without what is cached."""
    pages = host.sh("cat /proc/[0-9]*/statm 2>/dev/null || true").stdout.splitlines()
    private = sum(int(line.split()[1]) - int(line.split()[2]) for line in pages) * 4096
    used = host.run("df", "--output=used", "--block-size=1", "--type=tmpfs").stdout.split()[1:]
    return private + sum(map(int, used))


def await_as_before(light: Activated, before: tuple[dict[str, int], str], used: int) -> None:
    """Wait until the host is as it was. systemd takes a moment to let go of what has ended."""
    host = light.host
    with suppress(HostError):
        host.wait_for(
            lambda: (counters(host), leftovers(host)) == before, "as before", timeout=120, every=1
        )
    assert counters(host) == before[0]
    assert leftovers(host) == before[1]
    assert memory(host) < used + SLACK


def test_two_hundred_starts_and_stops(light: Activated) -> None:
    host = light.host
    before, used = (counters(host), leftovers(host)), memory(host)
    which = names(AT_A_TIME)
    for _ in range(TIMES):
        start(light, which)
        assert all(light.active(name) for name in which[:1])
        stop(light, which)
    await_as_before(light, before, used)


def test_fifty_at_once(light: Activated) -> None:
    host = light.host
    before, used = (counters(host), leftovers(host)), memory(host)
    start(light, names(ALL))
    listed = host.run("machinectl", "list", "--no-legend").stdout.splitlines()
    assert sorted(line.split()[0] for line in listed) == names(ALL)
    # The control: all of it is counted.
    now = counters(host)
    for name in ("mounts", "links", "namespaces", "groups", "processes", "files-of-systemd"):
        assert now[name] >= before[0][name] + ALL, name
    # The firewall is loaded for all sandboxes, and a start adds nothing to it.
    assert now["rules"] >= ALL
    assert now["policies"] > 0
    assert memory(host) > used + SLACK
    stop(light, names(ALL))
    await_as_before(light, before, used)
