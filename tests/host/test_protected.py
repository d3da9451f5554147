"""What the host would run from a workspace, the agent can neither change nor plant."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from forage_gen.values.protected import KNOWN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.host.activate import Activated
    from tests.testhost.host import Completed, Sandbox

WORKSPACE = "/home/alice/projects/coder"


@pytest.fixture
def empty(forage: Activated) -> Iterator[Activated]:
    """The sandbox `coder` is stopped and its workspace empty, before the test and after."""
    for step in ("before", "after"):
        forage.stop("coder")
        forage.host.run("find", WORKSPACE, "-mindepth", "1", "-delete")
        if step == "before":
            yield forage


IDENTITY = [
    f"GIT_{who}_{what}" for who in ("AUTHOR", "COMMITTER") for what in ("NAME=a", "EMAIL=a@b.test")
]


def as_alice(
    forage: Activated, script: str, *, where: str = WORKSPACE, check: bool = True
) -> Completed:
    """Run a script in the workspace as its owner, on the host."""
    argv = ("runuser", "-u", "alice", "--", "env", *IDENTITY, "sh", "-euc", f"cd {where}; {script}")
    return forage.host.run(*argv, check=check)


def listing(forage: Activated) -> list[str]:
    """List what is in the workspace, but for what the init commands leave."""
    found = forage.host.run("find", WORKSPACE, "-mindepth", "1", "-printf", "%P\\n").stdout
    return sorted(set(found.split()) - {"started-in"})


ATTACKS = {
    "write a hook": "echo evil >.git/hooks/post-checkout",
    "add to the configuration": "echo evil >>.git/config",
    "put a file in its place": "rm -rf .git/config; echo evil >.git/config",
    "move a protected path away": "mv .git/hooks .git/h",
    "move the directory above away": "mv .git .g",
    "remove the directory above": "rm -rf .git; test ! -e .git",
    "make a link of it": "rm -rf .git/hooks; ln -sT /tmp .git/hooks",
}

# Those of root alone, in an order in which each works after the last.
MOUNT_ATTACKS = {
    "mount it writable": "mount -o remount,bind,rw .git/hooks && echo evil >.git/hooks/x",
    "unmount it": "umount .git/hooks && echo evil >.git/hooks/x",
    "unmount all above": "umount --recursive .git && echo evil >.git/hooks/x",
    "mount over it": "mount -t tmpfs x .git/hooks; umount .git/hooks; echo evil >.git/hooks/x",
}


# What a workspace holds at the start.
STATES = {
    "nothing yet": "true",
    "repository": "git init -q",
    "everything": """
        git init -q
        git commit -q --allow-empty -m one
        git worktree add -q /tmp/linked
        mkdir -p .git/modules/sub .jj/repo/store/git/hooks
        touch .jj/repo/config.toml .jj/repo/store/git/config .envrc .exrc .mcp.json
        echo ../../../.git >.jj/repo/store/git_target
        mkdir .vscode .idea .zed .helix .claude
        touch .vscode/tasks.json .idea/workspace.xml .zed/other .claude/settings.json
        """,
}


@pytest.fixture(params=STATES)
def guarded(empty: Activated, request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    """The sandbox `coder`, on workspaces that hold more or less of what is protected."""
    as_alice(empty, STATES[request.param])
    yield empty.running("coder")
    empty.host.run("rm", "-rf", "/tmp/linked")


@pytest.mark.parametrize("user", ["agent", "root"])
def test_no_attack_reaches_a_protected_path(empty: Activated, guarded: Sandbox, user: str) -> None:
    before = listing(empty)
    for name, script in (ATTACKS | MOUNT_ATTACKS).items():
        done = guarded.sh(f"cd /workspace; {script}", user=user, check=False)
        assert done.returncode, name
    assert [path for path in listing(empty) if path not in before] == []
    evil = empty.host.run("grep", "-rl", "evil", WORKSPACE, check=False)
    assert evil.stdout == ""


def test_without_protection_the_attacks_work(empty: Activated) -> None:
    # The control: what the mounts refuse is not refused by anything else.
    for script in ATTACKS.values():
        as_alice(empty, f"rm -rf .git .g; git init -q; {script}")


def test_without_a_user_namespace_roots_attacks_work(forage: Activated) -> None:
    # The control of those that mount.
    workspace = forage.sandbox("shared").workspace.source
    forage.stop("shared")
    as_alice(forage, "git init -q", where=workspace)
    try:
        shared = forage.running("shared")
        for script in MOUNT_ATTACKS.values():
            shared.sh(f"cd /workspace; {script}; rm .git/hooks/x")
    finally:
        forage.stop("shared")
        forage.host.run("find", workspace, "-mindepth", "1", "-delete")


def test_the_agent_commits_to_a_repository(empty: Activated) -> None:
    as_alice(empty, "git init -q")
    sandbox = empty.running("coder")
    sandbox.sh("cd /workspace; touch new; git add new; git commit -qm one", user="agent")
    assert as_alice(empty, "git log --format=%s").stdout == "one\n"


# Tries everything on each path and what is above it; prints what it could do.
PROBE = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
root, *paths = sys.argv[1:]

def exchange(one, other):
    if libc.renameat2(-100, one.encode(), -100, other.encode(), 2):
        raise OSError(ctypes.get_errno(), "renameat2")
    libc.renameat2(-100, one.encode(), -100, other.encode(), 2)

def create(path):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT))

def within(path):
    os.close(os.open(f"{path}/planted", os.O_WRONLY | os.O_CREAT))
    os.unlink(f"{path}/planted")

def away(path):
    os.rename(path, f"{root}/moved")
    os.rename(f"{root}/moved", path)

def link_in_place(path):
    os.symlink("/tmp", path)
    os.unlink(path)

def file_over(path):
    open(f"{root}/own", "w").close()
    os.rename(f"{root}/own", path)

def directory_over(path):
    os.makedirs(f"{root}/own.d", exist_ok=True)
    os.rename(f"{root}/own.d", path)

def exchange_directory(path):
    os.makedirs(f"{root}/own.d", exist_ok=True)
    exchange(path, f"{root}/own.d")

def exchange_file(path):
    open(f"{root}/own", "w").close()
    exchange(path, f"{root}/own")

def hard_link(path):
    os.link(path, f"{root}/linked")
    os.unlink(f"{root}/linked")

def other_mode(path):
    os.chmod(path, 0o777)

def truncate(path):
    os.truncate(path, os.stat(path).st_size)

LEAF = (create, within, hard_link, other_mode, truncate, os.unlink, os.rmdir)
ANY = (away, link_in_place, file_over, directory_over, exchange_directory, exchange_file)
for path in paths:
    whole = f"{root}/{path}"
    above = []
    while (parent := os.path.dirname(path)) != "":
        path = parent
        above.append(f"{root}/{path}")
    for action, targets in ((LEAF, [whole]), (ANY, [whole, *above])):
        for attempt in action:
            for target in targets:
                try:
                    attempt(target)
                except OSError:
                    continue
                print(getattr(attempt, "__name__", attempt), target)
"""


def could_do(sandbox: Sandbox, user: str) -> str:
    argv = ("python3", "-c", PROBE, "/workspace", *KNOWN)
    return sandbox.run(*argv, user=user).stdout


@pytest.mark.parametrize("user", ["agent", "root"])
def test_nothing_can_be_done_to_any_path_of_any_group(guarded: Sandbox, user: str) -> None:
    assert could_do(guarded, user) == ""


def test_without_protection_all_of_it_can_be_done(empty: Activated) -> None:
    # The control, in a directory that no sandbox has.
    as_alice(empty, "mkdir /tmp/control; cd /tmp/control; " + STATES["everything"])
    argv = ("python3", "-c", PROBE, "/tmp/control", *KNOWN)
    done = empty.host.run("runuser", "-u", "alice", "--", *argv).stdout
    empty.host.run("rm", "-rf", "/tmp/control", "/tmp/linked")
    for path in KNOWN:
        assert f"/tmp/control/{path}\n" in done, path
    for attempt in ("create", "within", "away", "link_in_place", "exchange_file", "hard_link"):
        assert f"{attempt} /tmp/control/" in done, attempt


def test_the_host_cannot_replace_it_while_the_sandbox_runs(empty: Activated) -> None:
    # A file that is replaced on the host takes the mount in the sandbox with it.
    as_alice(empty, "git init -q")
    sandbox = empty.running("coder")
    for script in ("git config user.name alice", "mv .git .g", "rm -r .git/hooks", "rmdir .envrc"):
        refused = as_alice(empty, script, check=False)
        assert "busy" in refused.stderr
    as_alice(empty, "git commit -q --allow-empty -m host; git branch other")
    write = "echo evil >>/workspace/.git/config"
    assert sandbox.sh(write, user="agent", check=False).returncode
    # The control: without what keeps the host from it, this is how it is lost.
    empty.host.run("umount", f"{WORKSPACE}/.git/config")
    as_alice(empty, "git config user.name alice")
    sandbox.sh(write, user="agent")


def test_the_host_has_its_workspace_to_itself_after_a_stop(empty: Activated) -> None:
    as_alice(empty, "git init -q")
    empty.running("coder")
    empty.stop("coder")
    assert WORKSPACE not in empty.host.run("cat", "/proc/mounts").stdout
    as_alice(empty, "git config user.name alice; mv .git .g; mv .g .git")


def test_another_name_of_a_protected_file_stops_the_start(empty: Activated) -> None:
    as_alice(empty, "git init -q; mkdir -p docs; ln .git/config docs/notes")
    empty.refuses("coder", f"{WORKSPACE}/.git/config has another name")


def test_placeholders_are_gone_after_a_stop(empty: Activated) -> None:
    empty.running("coder")
    made = listing(empty)
    # One empty directory for each program, and nothing in it.
    assert {".git", ".jj", ".vscode", ".envrc"} <= set(made)
    assert [path for path in made if "/" in path] == []
    empty.stop("coder")
    assert listing(empty) == []


def test_placeholders_in_a_repository_are_gone_after_a_stop(empty: Activated) -> None:
    as_alice(empty, "git init -q")
    before = listing(empty)
    empty.running("coder")
    assert ".git/commondir" in listing(empty)
    assert as_alice(empty, "git status --porcelain -uall").stdout == "?? started-in\n"
    empty.stop("coder")
    assert listing(empty) == before


def test_placeholders_that_a_crash_has_left_are_gone_after_the_next_stop(empty: Activated) -> None:
    as_alice(empty, "git init -q; echo . >.git/commondir")
    empty.running("coder")
    empty.stop("coder")
    assert ".git/commondir" not in listing(empty)


def test_what_has_been_filled_meanwhile_stays(empty: Activated) -> None:
    empty.running("coder")
    as_alice(empty, "echo x >.git/notes")
    empty.stop("coder")
    assert listing(empty) == [".git", ".git/notes"]


def test_an_own_empty_directory_stays(empty: Activated) -> None:
    as_alice(empty, "mkdir -p docs .git/hooks")
    empty.running("coder")
    empty.stop("coder")
    assert listing(empty) == [".git", ".git/hooks", "docs"]


def test_git_works_otherwise(empty: Activated) -> None:
    as_alice(empty, "git init -q -b main; git commit -q --allow-empty -m one; git branch topic")
    sandbox = empty.running("coder")
    script = """
        cd /workspace
        git clone -q . /tmp/remote
        git -C /tmp/remote commit -q --allow-empty -m far
        git switch -q topic
        touch new
        git add new
        git commit -qm two
        git fetch -q /tmp/remote main:far
        git rebase -q far
        git merge -q --no-edit main
        git stash list
        git tag v1
        git gc -q
        git log --format=%s
    """
    assert sandbox.sh(script, user="agent").stdout.split() == ["two", "far", "one"]
    empty.stop("coder")
    assert as_alice(empty, "git log --format=%s topic").stdout.split() == ["two", "far", "one"]
    as_alice(empty, "git fsck --no-progress")


def test_by_default_worktrees_can_be_added(forage: Activated) -> None:
    workspace = forage.sandbox("neighbour").workspace.source
    as_alice(forage, "git init -q; git commit -q --allow-empty -m one", where=workspace)
    script = """
        cd /workspace
        git worktree add -q /workspace/linked
        cd linked
        git -c user.name=a -c user.email=a@b.test commit -q --allow-empty -m two
        git log --format=%s
    """
    try:
        done = forage.fresh("neighbour").sh(script, user="agent")
        assert done.stdout.split() == ["two", "one"]
    finally:
        forage.stop("neighbour")
        forage.host.run("find", workspace, "-mindepth", "1", "-delete")


@pytest.fixture
def linked(empty: Activated) -> Iterator[Activated]:
    """The workspace of `coder` is a linked worktree of a repository elsewhere."""
    main = "/home/alice/main"
    setup = f"git init -q {main}; cd {main}; git commit -q --allow-empty -m one"
    as_alice(empty, f"{setup}; git worktree add -q -f {WORKSPACE}")
    # Where the sandbox has it, too.
    empty.host.run("ln", "-s", main, "/srv/main")
    as_alice(empty, f"sed -i s,{main},/srv/main, .git")
    yield empty
    empty.stop("coder")
    empty.host.run("rm", "/srv/main")
    empty.host.run("find", main, "-mindepth", "2", "-delete")


def test_in_a_linked_worktree_the_pointer_stays_what_it_is(linked: Activated) -> None:
    sandbox = linked.running("coder")
    before = as_alice(linked, "cat .git").stdout
    for user in ("agent", "root"):
        assert could_do(sandbox, user) == ""
    assert as_alice(linked, "cat .git").stdout == before
    # With the repository mounted where the pointer says, git can read it.
    assert sandbox.sh("cd /workspace; git log --format=%s", user="agent").stdout == "one\n"
    for name in ("config", "worktrees/coder/commondir"):
        write = f"echo evil >/srv/main/.git/{name}"
        assert sandbox.sh(write, user="agent", check=False).returncode
    linked.stop("coder")
    assert as_alice(linked, "git log --format=%s").stdout == "one\n"


def test_a_repository_elsewhere_need_not_be_there(empty: Activated) -> None:
    # As in a submodule: its repository is above the workspace.
    as_alice(empty, "git init -q --separate-git-dir=/home/alice/projects/.modules .")
    sandbox = empty.running("coder")
    assert could_do(sandbox, "agent") == ""
    assert sandbox.sh("cd /workspace; git status", user="agent", check=False).returncode
    empty.stop("coder")
    as_alice(empty, "git status")
    empty.host.run("rm", "-rf", "/home/alice/projects/.modules")


def test_a_repository_elsewhere_in_the_workspace_has_to_be_protected(empty: Activated) -> None:
    as_alice(empty, "git init -q --separate-git-dir=.bare .")
    empty.refuses("coder", 'add ".bare/config" to protectedPaths')


_LINK = "is a symbolic link"
_KIND = "is neither a file nor a directory"
_SOCKET = 'python3 -c "import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])"'


PREPARE = "/etc/forage/tree/libexec/forage-prepare coder"
RELEASE = "/etc/forage/tree/libexec/forage-release coder"

PLANTS = [
    ("ln -s /etc docs", "docs", _LINK),
    ("ln -s /etc .git", ".git", _LINK),
    ("mkdir .git; ln -s /etc .git/hooks", ".git/hooks", _LINK),
    ("ln -s /nowhere .git", ".git", _LINK),
    ("mkfifo .git", ".git", _KIND),
    ("git init -q; rm .git/config; mkfifo .git/config", ".git/config", _KIND),
    (f"{_SOCKET} .envrc", ".envrc", _KIND),
    ("mkfifo docs", "docs", "is no directory"),
    ("touch docs", "docs", "is no directory"),
]


@pytest.mark.parametrize(("plant", "path", "reason"), PLANTS)
def test_a_planted_link_or_pipe_is_not_mounted(
    empty: Activated, plant: str, path: str, reason: str
) -> None:
    as_alice(empty, plant)
    done = empty.host.sh(PREPARE, check=False)
    empty.host.sh(RELEASE)
    assert done.returncode
    assert f"{WORKSPACE}/{path} {reason}" in done.stderr


def test_nor_is_a_device_node(empty: Activated) -> None:
    # Nobody inside can make one.
    empty.host.run("mknod", f"{WORKSPACE}/.envrc", "c", "1", "3")
    done = empty.host.sh(PREPARE, check=False)
    empty.host.sh(RELEASE)
    assert f"{WORKSPACE}/.envrc {_KIND}" in done.stderr


@pytest.mark.parametrize(("plant", "path", "reason"), [PLANTS[0], PLANTS[4]])
def test_a_planted_link_or_pipe_stops_the_start(
    empty: Activated, plant: str, path: str, reason: str
) -> None:
    as_alice(empty, plant)
    empty.refuses("coder", f"{WORKSPACE}/{path} {reason}")


def test_after_the_link_is_removed_it_starts(empty: Activated) -> None:
    as_alice(empty, "ln -s /etc docs")
    assert empty.start("coder").returncode
    as_alice(empty, "rm docs")
    assert empty.running("coder").state() == "running"


# Exchanges a directory and a link again and again, without a moment in which there is neither.
EXCHANGE = """
import ctypes, sys
libc = ctypes.CDLL(None)
one, other = (name.encode() for name in sys.argv[1:])
while True:
    libc.renameat2(-100, one, -100, other, 2)
"""


@contextmanager
def exchanged(empty: Activated, plant: str) -> Iterator[None]:
    """`.vscode` and what is planted as `link` are exchanged all the time.

    As another sandbox could that has the workspace, or the owner's own programs.
    """
    as_alice(empty, f"mkdir -p .vscode; {plant}")
    script = f"cd {WORKSPACE}; exec python3 -c '{EXCHANGE}' .vscode link"
    argv = ("--unit=exchange", "--collect", "--uid=alice", "sh", "-c", script)
    empty.host.run("systemd-run", "--quiet", *argv)
    try:
        yield
    finally:
        empty.host.run("systemctl", "stop", "exchange")


def test_a_link_that_comes_and_goes_is_mounted_by_no_start(empty: Activated) -> None:
    victim = "/home/alice/victim"
    refused = started = 0
    with exchanged(empty, f"mkdir {victim}; ln -s {victim} link"):
        # What comes before the start of nspawn is where it could be; so that is tried often, and
        # until it has gone either way.
        for turn in range(400):
            if turn >= 40 and refused and started:
                break
            done = empty.host.sh(PREPARE, check=False)
            mounts = [
                line.split()[1]
                for line in empty.host.run("cat", "/proc/mounts").stdout.splitlines()
            ]
            assert victim not in mounts
            assert f"{WORKSPACE}/link" not in mounts
            if done.returncode:
                refused += 1
                assert f"{WORKSPACE}/.vscode" not in mounts
            else:
                started += 1
                assert f"{WORKSPACE}/.vscode" in mounts
                done = empty.host.sh(f"sleep 0.02; cd {WORKSPACE}/.vscode; pwd -P")
                assert done.stdout == f"{WORKSPACE}/.vscode\n"
            empty.host.sh(RELEASE)
        assert WORKSPACE not in empty.host.run("cat", "/proc/mounts").stdout
    empty.host.run("rm", "-r", victim)
    assert refused
    assert started


def test_no_start_waits_at_a_pipe_that_comes_and_goes(empty: Activated) -> None:
    # Nobody opens the other end of it.
    refused = 0
    with exchanged(empty, "mkfifo link"):
        for _ in range(8):
            refused += bool(empty.host.sh(PREPARE, check=False, timeout=20).returncode)
            empty.host.sh(RELEASE)
    assert refused
