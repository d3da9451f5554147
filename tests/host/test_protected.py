"""What the host would run from a workspace, the agent can neither change nor plant."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

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


def as_alice(forage: Activated, script: str) -> Completed:
    """Run a script in the workspace as its owner, on the host."""
    argv = ("runuser", "-u", "alice", "--", "sh", "-euc", f"cd {WORKSPACE}; {script}")
    return forage.host.run(*argv)


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
    "make a link of it": "rmdir .git/hooks; ln -s /tmp .git/hooks",
    "mount over it": "mount -t tmpfs none .git/hooks",
    "unmount it": "umount .git/hooks",
    "mount it writable": "mount -o remount,bind,rw .git/hooks && echo evil >.git/hooks/x",
}


@pytest.fixture(params=["repository", "nothing yet"])
def guarded(empty: Activated, request: pytest.FixtureRequest) -> Sandbox:
    """The sandbox `coder`, on a repository or on an empty workspace."""
    if request.param == "repository":
        as_alice(empty, "git init -q")
    return empty.running("coder")


def test_no_attack_reaches_a_protected_path(empty: Activated, guarded: Sandbox) -> None:
    before = listing(empty)
    for name, script in ATTACKS.items():
        done = guarded.sh(f"cd /workspace; {script}", user="agent", check=False)
        assert done.returncode, name
    assert [path for path in listing(empty) if path not in before] == []
    hooks = empty.host.run("find", f"{WORKSPACE}/.git/hooks", "-newer", "/etc/keys", "-type", "f")
    assert "evil" not in hooks.stdout


def test_without_protection_the_attacks_work(empty: Activated) -> None:
    # The control: what the mounts refuse is not refused by anything else.
    as_alice(empty, "git init -q")
    for name in ("write a hook", "add to the configuration", "move a protected path away"):
        as_alice(empty, ATTACKS[name])


def test_root_inside_cannot_reach_it_either(guarded: Sandbox) -> None:
    for name in ("write a hook", "move the directory above away", "mount it writable"):
        done = guarded.sh(f"cd /workspace; {ATTACKS[name]}", check=False)
        assert done.returncode, name


def test_the_agent_commits_to_a_repository(empty: Activated) -> None:
    as_alice(empty, "git init -q")
    sandbox = empty.running("coder")
    sandbox.sh("cd /workspace; touch new; git add new; git commit -qm one", user="agent")
    assert as_alice(empty, "git log --format=%s").stdout == "one\n"


def test_placeholders_are_gone_after_a_stop(empty: Activated) -> None:
    empty.running("coder")
    assert ".git/hooks" in listing(empty)
    empty.stop("coder")
    assert listing(empty) == []


def test_what_has_been_filled_meanwhile_stays(empty: Activated) -> None:
    empty.running("coder").sh("echo x >/workspace/.git/notes", user="agent")
    empty.stop("coder")
    assert listing(empty) == [".git", ".git/notes"]


def test_an_own_empty_directory_stays(empty: Activated) -> None:
    as_alice(empty, "mkdir -p docs .git/hooks")
    empty.running("coder")
    empty.stop("coder")
    assert listing(empty) == [".git", ".git/hooks", "docs"]


@pytest.mark.parametrize(
    ("plant", "path"),
    [
        ("ln -s /etc docs", "docs"),
        ("ln -s /etc .git", ".git"),
        ("mkdir .git; ln -s /etc .git/hooks", ".git/hooks"),
        ("ln -s /nowhere .git", ".git"),
    ],
)
def test_a_planted_link_stops_the_start(empty: Activated, plant: str, path: str) -> None:
    as_alice(empty, plant)
    assert empty.start("coder").returncode
    status = empty.status(empty.sandbox("coder").unit)
    assert f"{WORKSPACE}/{path} is a symbolic link" in status


def test_a_worktree_file_in_place_of_the_repository_is_named(empty: Activated) -> None:
    as_alice(empty, "echo 'gitdir: /elsewhere' >.git")
    assert empty.start("coder").returncode
    assert f"{WORKSPACE}/.git is a file" in empty.status(empty.sandbox("coder").unit)


def test_after_the_link_is_removed_it_starts(empty: Activated) -> None:
    as_alice(empty, "ln -s /etc docs")
    assert empty.start("coder").returncode
    as_alice(empty, "rm docs")
    assert empty.running("coder").state() == "running"
