"""Where a part of the fence is missing there is no sandbox, and an administrator reads why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.host.activate import Activated

FIREWALL = "forage-firewall.service"


@pytest.fixture
def stopped(forage: Activated) -> Iterator[Activated]:
    """The project with nothing running, before the test and after."""
    forage.stop_all()
    yield forage
    forage.stop_all()
    forage.mend()


def refuses(forage: Activated, name: str) -> str:
    """Check that the sandbox does not start; the result is the story of its unit."""
    assert forage.start(name).returncode
    assert not forage.active(name)
    assert forage.host.run("machinectl", "status", name, check=False).returncode
    return forage.status(forage.sandbox(name).unit)


def test_a_broken_rule_keeps_every_networked_sandbox_down(stopped: Activated) -> None:
    stopped.edit("nftables/sandboxes/coder.nft", "add element inet forage policies { broken }\n")
    for name in ("coder", "research", "shared"):
        assert "Dependency failed" in refuses(stopped, name)
    status = stopped.status(FIREWALL)
    assert "nftables/sandboxes/coder.nft" in status
    assert "forage" not in stopped.host.run("nft", "list", "tables").stdout  # all or nothing
    assert stopped.running("review").state() == "running"  # it has no network to fence


def test_a_broken_resolver_keeps_its_templates_sandboxes_down(stopped: Activated) -> None:
    stopped.edit("resolver/templates/coder.conf", "no-such-option\n")
    assert "Dependency failed" in refuses(stopped, "coder")
    assert "bad option" in stopped.status("forage-resolver@coder.service")
    assert stopped.running("research").state() == "running"


def test_a_missing_workspace_keeps_it_down(stopped: Activated) -> None:
    workspace = stopped.sandbox("coder").workspace.source
    stopped.host.run("mv", workspace, f"{workspace}.away")
    story = refuses(stopped, "coder")
    stopped.host.run("mv", f"{workspace}.away", workspace)
    assert "Dependency failed" in story
    assert workspace in stopped.status("run-forage-workspaces-coder.mount")
    assert stopped.running("coder").state() == "running"


def test_a_missing_mount_keeps_it_down(stopped: Activated) -> None:
    stopped.host.run("mv", "/home/alice/docs", "/home/alice/docs.away")
    refuses(stopped, "coder")
    stopped.host.run("mv", "/home/alice/docs.away", "/home/alice/docs")
    assert "/home/alice/docs" in stopped.status("run-forage-mounts-coder-docs.mount")


def test_without_limits_for_its_users_it_stays_down(stopped: Activated) -> None:
    stopped.edit("libexec/forage-limits", "#!/bin/sh\necho no limits >&2\nexit 1\n")
    stopped.start("coder")
    stopped.host.wait_for(lambda: not stopped.active("coder"), "it has stopped")
    assert "no limits" in stopped.host.journal("forage-limits@coder.service")


def test_the_system_inside_waits_for_the_limits(stopped: Activated) -> None:
    # One that ends well, and has done nothing.
    stopped.edit("libexec/forage-limits", "#!/bin/sh\nexit 0\n")
    unit = stopped.sandbox("coder").unit
    done = f"{stopped.sandbox('coder').workspace.source}/started-in"  # by its init commands
    stopped.host.run("rm", "-f", done)
    stopped.host.run("systemctl", "start", "--no-block", unit)
    stopped.host.wait_for(
        lambda: "Wait for the limits" in stopped.host.journal(unit), "the system inside waits"
    )
    assert not stopped.active("coder")
    assert stopped.host.run("test", "-e", done, check=False).returncode


def test_settings_that_would_win_over_the_trees_keep_it_down(stopped: Activated) -> None:
    path = "/etc/systemd/nspawn/coder.nspawn"
    stopped.host.write(path, "[Exec]\nPrivateUsers=no\n")
    story = refuses(stopped, "coder")
    stopped.host.run("rm", path)
    assert f"AssertPathExists=!{path}" in story


def test_missing_settings_keep_it_down(stopped: Activated) -> None:
    stopped.host.run("mv", "/etc/forage/tree/nspawn", "/etc/forage/tree/nspawn.away")
    story = refuses(stopped, "coder")
    stopped.host.run("mv", "/etc/forage/tree/nspawn.away", "/etc/forage/tree/nspawn")
    assert "coder.nspawn" in story


def test_a_missing_guest_keeps_it_down(stopped: Activated) -> None:
    assert "/etc/forage/systems/nixos" in refuses(stopped, "nixos")


def test_without_the_firewall_running_sandboxes_stop(stopped: Activated) -> None:
    stopped.running("coder")
    stopped.running("review")
    stopped.host.run("systemctl", "stop", FIREWALL)
    assert not stopped.active("coder")
    assert stopped.active("review")
    assert "forage" not in stopped.host.run("nft", "list", "tables").stdout


def test_a_broken_reload_leaves_the_old_rules(stopped: Activated) -> None:
    stopped.running("coder")
    stopped.edit("nftables/forage.nft", "broken\n")
    reload = stopped.host.run("systemctl", "reload", FIREWALL, check=False)
    assert reload.returncode
    assert "forage" in stopped.host.run("nft", "list", "tables").stdout
    assert stopped.active("coder")
