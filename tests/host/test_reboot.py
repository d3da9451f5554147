"""A host that restarts, in order or by a crash, has nothing left of the sandboxes that ran."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from tests.host.activate import Activated, activate, compile_project, make_owner
from tests.host.probes import has_marker, leave_marker
from tests.host.test_lifecycle import leftovers
from tests.requirements import TEST_HOST, require
from tests.testhost.host import HostError, TestHost

if TYPE_CHECKING:
    from collections.abc import Iterator


# One that starts with the host, and two that do not.
ALL = ("coder", "shared", "review")


@pytest.fixture
def own() -> Iterator[Activated]:
    """The project on a host of its own, which may restart. What starts with it does."""
    require(*TEST_HOST)
    with TestHost() as host:
        host.write("/etc/resolv.conf", "nameserver 198.18.0.53\n")
        plan = compile_project()
        make_owner(host, plan)
        activate(host, plan)
        host.run("systemctl", "enable", "--now", "forage.target")
        yield Activated(host, plan)


def in_workspace(own: Activated, name: str) -> set[str]:
    workspace = own.sandbox(name).workspace.source
    found = own.host.run("find", workspace, "-mindepth", "1", "-printf", "%P\\n").stdout
    return set(found.split()) - {"started-in"}


@pytest.mark.host
@pytest.mark.parametrize("crash", [False, True], ids=["in order", "by a crash"])
def test_a_restart_of_the_host_leaves_nothing(own: Activated, crash: bool) -> None:  # noqa: FBT001
    leave_marker(own.running("coder"))
    before = leftovers(own.host)
    for name in ALL:
        own.running(name)
    assert leftovers(own.host) != before
    assert ".git" in in_workspace(own, "shared")
    # Of a cycle systemd leaves one out, another one at each boot.
    verify = ("systemd-analyze", "verify", "--man=no", "multi-user.target")
    assert "cycle" not in own.host.run(*verify).stderr
    own.host.reboot(crash=crash)
    # Of those that do not start again, too, nothing is left in the workspace.
    assert in_workspace(own, "shared") == set()
    assert not has_marker(own.running("coder"))
    with suppress(HostError):
        own.host.wait_for(lambda: boot_of(own) == comparable(before), "all is gone", timeout=60)
    assert boot_of(own) == comparable(before)
    own.stop("coder")
    assert in_workspace(own, "coder") == set()


def boot_of(own: Activated) -> set[str]:
    return comparable(leftovers(own.host))


def comparable(story: str) -> set[str]:
    """What a host has at every boot alike: namespaces have other numbers."""
    return {line for line in story.splitlines() if not line.isdigit()}
