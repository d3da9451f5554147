"""Each sandbox starts by its stock unit, and is what its template says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.host.activate import Activated
    from tests.testhost.host import Sandbox

SANDBOXES = ("coder", "research", "review", "shared", "strict", "listed")


@pytest.mark.parametrize("name", SANDBOXES)
def test_the_system_inside_runs_without_a_failed_unit(forage: Activated, name: str) -> None:
    assert forage.running(name).state() == "running"


def test_logind_starts_when_it_is_asked_for(forage: Activated) -> None:
    # Those who log in with pam_systemd ask, and so does loginctl.
    sandbox = forage.fresh("research")
    unit = "systemd-logind.service"
    state = f"systemctl show --property=ActiveState --value {unit}"
    assert sandbox.sh(state).stdout == "inactive\n"
    sandbox.run("loginctl", "list-users", "--json=short")
    assert sandbox.sh(state).stdout == "active\n"


@pytest.mark.parametrize("name", SANDBOXES)
def test_its_host_name_is_the_sandboxes(forage: Activated, name: str) -> None:
    assert forage.running(name).run("hostname").stdout == f"{name}\n"


@pytest.mark.parametrize("name", SANDBOXES)
def test_machinectl_lists_it(forage: Activated, name: str) -> None:
    forage.running(name)
    machines = json.loads(forage.host.run("machinectl", "--output=json", "list").stdout)
    assert name in {machine["machine"] for machine in machines}


@pytest.mark.parametrize("name", SANDBOXES)
def test_no_setting_is_ignored(forage: Activated, name: str) -> None:
    # systemd and nspawn warn of what they do not understand, and go on without it.
    story = forage.running(name).journal().lower()
    assert story
    for word in ("ignoring", "unknown key", "unknown section", "failed to parse"):
        assert word not in story


def test_the_stock_command_runs_it(forage: Activated, coder: Sandbox) -> None:
    cat = forage.host.run("systemctl", "cat", f"systemd-nspawn@{coder.name}.service").stdout
    assert cat.count("\nExecStart=") == 1
    assert "\nExecStart=systemd-nspawn --quiet --keep-unit --boot" in cat


@pytest.mark.parametrize("name", SANDBOXES)
def test_the_agent_has_the_owners_numbers(forage: Activated, name: str) -> None:
    said = forage.running(name).sh("id -u; id -g; id -un; echo ~; pwd", user="agent").stdout
    assert said.split() == ["1000", "100", "agent", "/home/agent", "/"]


@pytest.mark.parametrize("name", SANDBOXES)
def test_the_agent_can_write_to_its_home(forage: Activated, name: str) -> None:
    forage.running(name).sh("echo x >~/file && test -s ~/file", user="agent")


@pytest.mark.parametrize("name", SANDBOXES)
def test_every_sandbox_is_a_machine_of_its_own(forage: Activated, name: str) -> None:
    ids = {
        forage.running(other).run("cat", "/etc/machine-id").stdout
        for other in {name, "coder", "neighbour"}
    }
    assert len(ids) == len({name, "coder", "neighbour"})


# `review` sees none of it: test_store_closure.py.
@pytest.mark.parametrize("name", [name for name in SANDBOXES if name != "review"])
def test_the_store_can_be_read_and_not_written(forage: Activated, name: str) -> None:
    forage.host.run("mkdir", "-p", "/nix/store/item")
    sandbox = forage.running(name)
    assert "item" in sandbox.run("ls", "/nix/store").stdout.split()
    for user in ("root", "agent"):
        done = sandbox.sh("touch /nix/store/new", user=user, check=False)
        assert "Read-only file system" in done.stderr


def test_root_inside_cannot_make_the_store_writable(coder: Sandbox) -> None:
    remount = ("mount", "-o", "remount,bind,rw", "/nix/store")
    assert "permission denied" in coder.run(*remount, check=False).stderr


def test_with_shared_user_ids_the_agent_cannot_make_the_store_writable(shared: Sandbox) -> None:
    # Root could, there: without a user namespace it is the host's root. Nothing that the
    # agent runs becomes root.
    remount = ("mount", "-o", "remount,bind,rw", "/nix/store")
    assert shared.run(*remount, user="agent", check=False).returncode
    assert shared.sh("touch /nix/store/new", check=False).returncode


def test_usr_cannot_be_written(coder: Sandbox) -> None:
    assert "Read-only file system" in coder.sh("touch /usr/bin/new", check=False).stderr


def test_the_host_sees_the_sandboxes_root_as_nobody(forage: Activated, coder: Sandbox) -> None:
    leader = forage.host.run("machinectl", "show", coder.name, "--property=Leader", "--value")
    status = forage.host.root / "proc" / leader.stdout.strip() / "status"
    uids = next(line for line in status.read_text().splitlines() if line.startswith("Uid:"))
    assert set(uids.split()[1:]) == {str(forage.sandbox(coder.name).uid_base)}


def test_a_setuid_program_gives_nothing(coder: Sandbox) -> None:
    script = "cp /usr/bin/id /srv/id && chmod 4755 /srv/id"
    coder.sh(script)
    assert coder.run("/srv/id", "-u", user="agent").stdout == "1000\n"


def test_it_reads_what_it_may_do(coder: Sandbox) -> None:
    facts = json.loads(coder.run("cat", "/etc/forage.json", user="agent").stdout)
    assert facts["template"] == "coder"
    assert coder.sh("echo >/etc/forage.json", check=False).returncode


def test_init_commands_run_in_the_workspace_as_the_agent(forage: Activated, coder: Sandbox) -> None:
    assert coder.run("cat", "/workspace/started-in").stdout == "/workspace\n"
    workspace = forage.sandbox(coder.name).workspace.source
    owner = forage.host.run("stat", "--format=%U:%G", f"{workspace}/started-in").stdout
    assert owner == "alice:users\n"


def test_git_knows_the_agents_identity(coder: Sandbox) -> None:
    assert coder.run("git", "config", "user.email", user="agent").stdout == "probe@example.net\n"


def test_the_nix_daemon_is_there_only_where_it_was_asked_for(
    coder: Sandbox, research: Sandbox
) -> None:
    ask = (
        "env",
        "NIX_REMOTE=daemon",
        "nix-store",
        "--query",
        "--hash",
        f"/nix/store/{'0' * 32}-none",
    )
    answer = research.run(*ask, user="agent", check=False).stderr
    assert "cannot connect" not in answer
    assert "is not valid" in answer
    assert "cannot connect" in coder.run(*ask, user="agent", check=False).stderr
