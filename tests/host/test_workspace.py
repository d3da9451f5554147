"""What a sandbox sees of the host's files, and what it can do to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.host.probes import WAYS

if TYPE_CHECKING:
    from tests.host.activate import Activated
    from tests.testhost.host import Sandbox, TestHost

CODER = "/home/alice/projects/coder"
REVIEW = "/home/alice/projects/review"
SHARED = "/home/alice/projects/shared"

# Ways to leave a file of another user or group of the host, tried in a directory that everybody
# may write.
FOREIGN = (
    "touch own && chown 0:0 own",
    "touch own && chown 1 own",
    "touch own && chown 65534:65534 own",
    "touch own && chgrp 0 own",
    "touch own && chgrp 1234 own",
    "touch own && chown -h nobody own",
    "touch plain",
    "mkdir plain.d",
    "ln -s /etc plain.link",
    "mkfifo plain.fifo",
    "mknod plain.node c 1 3",
    "python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"plain.socket\")'",
    "cp --preserve=all /usr/bin/id plain.copy && chmod 6755 plain.copy",
    "tar -C / -c etc/hostname | tar -x --same-owner",
    "mv /tmp/of-$(id -u) moved",
    "setpriv --reuid=1234 --regid=1234 --clear-groups touch of-1234",
    "setpriv --reuid=nobody --regid=nogroup --clear-groups touch of-nobody",
    "setpriv --reuid=nobody --regid=nogroup --clear-groups mkdir of-nobody.d",
    "setpriv --regid=1234 --clear-groups touch of-group-1234",
    "setpriv --reuid=agent --regid=1234 --clear-groups touch of-agent-and-group-1234",
    "mkdir set && chgrp 1234 set; chmod 2777 set && touch set/touched",
    "mkdir set.d && chmod 2777 set.d && setpriv --reuid=nobody --clear-groups touch set.d/touched",
    "unshare --user --map-root-user chown 0:0 own",
    "unshare --user --map-root-user touch mapped",
    "unshare --user --map-root-user --mount mount --bind own plain",
    "mkdir l u w o; mount -t overlay -o lowerdir=l,upperdir=u,workdir=w x o && chown 1234 o",
    "umount o",
)


def test_what_the_agent_writes_belongs_to_the_owner(forage: Activated, coder: Sandbox) -> None:
    coder.sh("echo text >/workspace/written", user="agent")
    stat = forage.host.run("stat", "--format=%U:%G", f"{CODER}/written").stdout
    assert stat == "alice:users\n"


def test_the_agent_reads_what_the_owner_writes(forage: Activated, coder: Sandbox) -> None:
    forage.host.run("runuser", "-u", "alice", "--", "sh", "-c", f"echo hello >{CODER}/from-alice")
    coder.sh("grep -q hello /workspace/from-alice && rm /workspace/from-alice", user="agent")


def leave_foreign(sandbox: Sandbox, user: str) -> None:
    """Try each of `FOREIGN` in a directory of the workspace, as that user."""
    sandbox.sh(f"mkdir -m 0777 /workspace/of-{user}", user="agent")
    attempts = "".join(f"( {attempt} )\n" for attempt in FOREIGN)
    script = f"touch /tmp/of-$(id -u); cd /workspace/of-{user}\n{attempts}"
    sandbox.run("/bin/sh", "-uc", script, user=user, check=False)


def foreign(host: TestHost, workspace: str) -> list[str]:
    """What is in the workspace that belongs to another user or group than the owner's."""
    looked = ("(", "!", "-user", "alice", "-o", "!", "-group", "users", ")")
    return host.run("find", workspace, *looked).stdout.splitlines()


def test_no_other_user_of_the_host_ever_appears_there(forage: Activated, coder: Sandbox) -> None:
    for user in ("agent", "root"):
        leave_foreign(coder, user)
    coder.sh("cd /workspace/of-agent && touch of-nobody", user="nobody", check=False)
    try:
        # They were tried: what the agent made for itself is there.
        forage.host.run("ls", f"{CODER}/of-agent/own", f"{CODER}/of-agent/set/touched")
        assert foreign(forage.host, CODER) == []
    finally:
        forage.host.sh("rm -r " + " ".join(f"{CODER}/of-{user}" for user in ("agent", "root")))


def test_without_a_user_namespace_root_leaves_files_of_others(
    forage: Activated, shared: Sandbox
) -> None:
    # The control.
    leave_foreign(shared, "root")
    left = set(foreign(forage.host, SHARED))
    forage.host.run("rm", "-r", f"{SHARED}/of-root")
    for name in ("own", "plain", "of-1234", "of-nobody", "set/touched", "of-group-1234"):
        assert f"{SHARED}/of-root/{name}" in left
    assert foreign(forage.host, SHARED) == []


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


# What is mounted read-only: its sandbox, its place, and where the host has it.
READ_ONLY = {
    "secrets": ("coder", "/run/secrets", "/run/forage/secrets/coder"),
    "mount": ("coder", "/workspace/docs", "/home/alice/docs"),
    "state of an agent": ("office", "/home/agent/.reader", "/home/alice/.reader"),
    "workspace": ("review", "/workspace", REVIEW),
}

# Each way also in namespaces of its own, where root has more to say.
_TRY = """
place=$1
shift
for way; do
  for wrapper in '' 'unshare --mount' 'unshare --mount --user --map-root-user'; do
    ! $wrapper bash -c "$way"'; echo x >"$1/planted"' bash "$place" || echo "$wrapper: $way"
    ! mountpoint --quiet /tmp/x || umount /tmp/x
  done
done
"""


@pytest.mark.parametrize("user", ["agent", "root"])
@pytest.mark.parametrize("what", READ_ONLY)
def test_what_is_read_only_stays_so(forage: Activated, what: str, user: str) -> None:
    name, place, source = READ_ONLY[what]
    sandbox = forage.running(name)
    look = ("find", source, "-printf", "%p %y %s %m %u %T@\\n")
    before = forage.host.run(*look).stdout
    assert before
    done = sandbox.run("bash", "-c", _TRY, "bash", place, *WAYS, user=user)
    assert done.stdout == ""
    assert forage.host.run(*look).stdout == before


def test_without_a_user_namespace_root_makes_it_writable(shared: Sandbox) -> None:
    # The control: the first of these ways that changes something.
    assert shared.sh("touch /run/secrets/planted", check=False).returncode
    shared.sh(f'set -- /run/secrets; {WAYS[1]}; touch "$1/planted"')
    shared.sh("rm /run/secrets/planted; mount -o remount,bind,ro /run/secrets")
    assert shared.sh("touch /run/secrets/planted", check=False).returncode


@pytest.mark.parametrize("kind", ["proc", "sysfs"])
@pytest.mark.parametrize(
    ("name", "user"), [("coder", "root"), ("coder", "agent"), ("shared", "root")]
)
def test_who_mounts_fresh_ones_of_the_kernels_own_file_systems(
    forage: Activated, name: str, user: str, kind: str
) -> None:
    # docs/security/profiles.md says so.
    works = user == "root" and (kind == "proc" or name == "shared")
    spaces = "--mount --pid --fork" + (" --user --map-root-user" if user != "root" else "")
    script = f"mkdir -p /tmp/fresh; exec unshare {spaces} mount -t {kind} fresh /tmp/fresh"
    done = forage.running(name).sh(script, user=user, check=False)
    assert (done.returncode == 0) == works, done.stderr
    if user == "agent" and kind == "proc":
        assert "too revealing" in done.stderr


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
    path = f"{SHARED}/written"
    assert forage.host.run("stat", "--format=%U:%G", path).stdout == "alice:users\n"


def test_what_leads_to_a_mount_in_its_home_is_the_agents(forage: Activated) -> None:
    # Its state is mounted in ~/.config, where other programs have theirs.
    sandbox = forage.running("coder")
    assert sandbox.run("stat", "--format=%U", "/home/agent/.config").stdout == "agent\n"
    sandbox.sh("mkdir ~/.config/other && rmdir ~/.config/other", user="agent")
