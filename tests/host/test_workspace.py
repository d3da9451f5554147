"""What a sandbox sees of the host's files, and what it can do to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.host.activate import Activated
    from tests.testhost.host import Sandbox

CODER = "/home/alice/projects/coder"
REVIEW = "/home/alice/projects/review"


def test_what_the_agent_writes_belongs_to_the_owner(forage: Activated, coder: Sandbox) -> None:
    coder.sh("echo text >/workspace/written", user="agent")
    stat = forage.host.run("stat", "--format=%U:%G", f"{CODER}/written").stdout
    assert stat == "alice:users\n"


def test_the_agent_reads_what_the_owner_writes(forage: Activated, coder: Sandbox) -> None:
    forage.host.run("runuser", "-u", "alice", "--", "sh", "-c", f"echo hello >{CODER}/from-alice")
    coder.sh("grep -q hello /workspace/from-alice && rm /workspace/from-alice", user="agent")


def test_root_inside_creates_nothing_there(forage: Activated, coder: Sandbox) -> None:
    # It would be a file of some user of the host, and that with a setuid bit if root liked.
    done = coder.sh("cp /usr/bin/id /workspace/id", check=False)
    assert "Value too large for defined data type" in done.stderr
    assert forage.host.run("test", "-e", f"{CODER}/id", check=False).returncode


def test_a_setuid_bit_on_the_owners_file_has_no_effect_inside(coder: Sandbox) -> None:
    coder.sh("cp /usr/bin/id /workspace/id && chmod 6755 /workspace/id", user="agent")
    assert "nosuid" in coder.run("findmnt", "-no", "OPTIONS", "/workspace").stdout
    coder.run("rm", "/workspace/id", user="agent")


@pytest.mark.parametrize("user", ["agent", "root"])
def test_a_read_only_workspace_is_so_for_everyone(
    forage: Activated, review: Sandbox, user: str
) -> None:
    forage.host.run("runuser", "-u", "alice", "--", "sh", "-c", f"echo code >{REVIEW}/code")
    assert review.run("cat", "/workspace/code", user=user).stdout == "code\n"
    done = review.sh("touch /workspace/new", user=user, check=False)
    assert "Read-only file system" in done.stderr


def test_root_inside_cannot_make_it_writable(review: Sandbox) -> None:
    assert review.run("mount", "-o", "remount,bind,rw", "/workspace", check=False).returncode
    assert review.sh("touch /workspace/new", check=False).returncode


def test_nothing_else_of_the_owners_home_is_visible(forage: Activated, coder: Sandbox) -> None:
    forage.host.run("install", "-m", "0644", "/dev/null", "/home/alice/diary")
    assert forage.host.sh("find /home -name diary").stdout  # the control: it is there
    assert coder.run("find", "/", "-xdev", "-name", "diary").stdout == ""
    assert coder.run("ls", "/home").stdout == "agent\n"


def test_a_mount_is_read_only_unless_it_says_otherwise(forage: Activated, coder: Sandbox) -> None:
    forage.host.run("runuser", "-u", "alice", "--", "sh", "-c", "echo manual >~alice/docs/manual")
    assert coder.run("cat", "/workspace/docs/manual", user="agent").stdout == "manual\n"
    done = coder.sh("touch /workspace/docs/new", user="agent", check=False)
    assert "Read-only file system" in done.stderr
    coder.sh("echo x >/srv/cache/kept", user="agent")
    stat = forage.host.run("stat", "--format=%U:%G", "/home/alice/cache/kept").stdout
    assert stat == "alice:users\n"


def test_an_agents_state_is_the_owners(forage: Activated, coder: Sandbox) -> None:
    forage.host.run("runuser", "-u", "alice", "--", "sh", "-c", "echo token >~alice/.probe/login")
    state = "/home/agent/.config/probe"
    assert coder.run("cat", f"{state}/login", user="agent").stdout == "token\n"
    assert coder.run("cat", f"{state}/login", user="nobody", check=False).returncode
    coder.sh(f"echo refreshed >{state}/login", user="agent")
    stat = forage.host.run("stat", "--format=%U:%G", "/home/alice/.probe/login").stdout
    assert stat == "alice:users\n"
    assert coder.sh(f"cp /usr/bin/id {state}/id", check=False).returncode  # root owns nothing there


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("/home/alice", "a home directory|has it in it"),
        ("/home/alice/.ssh", "in /home/alice/.ssh"),
        ("/home/alice/.config", "has it in it"),
        ("/home/alice/projects", "has it in it"),
        ("/etc", "in /etc"),
        ("/", "has it in it"),
        ("/run/dbus", "in /run"),
    ],
)
def test_an_agents_state_that_leads_to_more_keeps_it_down(
    forage: Activated, target: str, reason: str
) -> None:
    forage.stop("coder")
    state = "/home/alice/.probe"
    forage.host.sh(f"mkdir -p ~alice/.ssh ~alice/.config && mv {state} {state}.kept")
    forage.host.run("ln", "-s", target, state)
    try:
        forage.refuses("coder", f"hostConfigDir, is {target} now")
        told = forage.status("forage-prepare@coder.service")
        assert any(each in told for each in reason.split("|"))
    finally:
        forage.host.sh(f"rm {state} && mv {state}.kept {state}")
    forage.host.run("systemctl", "reset-failed")
    assert forage.running("coder").state() == "running"


def test_an_agents_state_may_be_a_link_to_its_own(forage: Activated) -> None:
    forage.stop("coder")
    forage.host.sh("cd ~alice; mv .probe probe-state; ln -s probe-state .probe")
    try:
        assert forage.running("coder").state() == "running"
        forage.stop("coder")
    finally:
        forage.host.sh("cd ~alice; rm .probe; mv probe-state .probe")


def test_other_users_of_the_host_cannot_come_in_by_the_mounts(
    forage: Activated, coder: Sandbox
) -> None:
    coder.sh("echo secret >/workspace/private", user="agent")
    look = ("cat", "/run/forage/workspaces/coder/private")
    assert forage.host.run(*look).stdout == "secret\n"
    done = forage.host.run("runuser", "-u", "nobody", "--", *look, check=False)
    assert "Permission denied" in done.stderr


def test_with_shared_user_ids_the_agent_is_the_owner(forage: Activated, shared: Sandbox) -> None:
    shared.sh("echo text >/workspace/written", user="agent")
    path = "/home/alice/projects/shared/written"
    assert forage.host.run("stat", "--format=%U:%G", path).stdout == "alice:users\n"
