"""jj works in a sandbox with its settings protected, as git does."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.testhost import rootfs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.host.activate import Activated
    from tests.testhost.host import Sandbox

PLACE = "opt/jj"
JJ = f"/{PLACE}/jj --quiet --config user.name=a --config user.email=a@b.test"

# The remote is noted on the host: the agent cannot write what names it.
SETUP = f"""
git init -q
git remote add origin /tmp/remote
{JJ} git init --colocate
{JJ} describe -m one
"""
# As docs/protected-paths.md says: since 0.38 jj makes its own files of the old ones, if it can.
AT_ONCE = f"""
{JJ} config path --repo
{JJ} config path --workspace
"""
WORK = f"""
cd /workspace
{JJ} new -m two
touch new
{JJ} bookmark create topic
git init -q -b main /tmp/remote
git -C /tmp/remote -c user.name=a -c user.email=a@b.test commit -q --allow-empty -m far
{JJ} git fetch
{JJ} rebase --destination main@origin
{JJ} new -m three
{JJ} undo
{JJ} commit -m four
{JJ} git push --bookmark topic
"""
LOG = f"{JJ} log --no-graph -T 'description.first_line() ++ \"\\n\"' -r"


@pytest.fixture(params=["coder", "neighbour"], ids=["@version-control", "@git"])
def repository(forage: Activated, request: pytest.FixtureRequest) -> Iterator[str]:
    """The sandbox whose workspace is a repository of jj, beside git's, with one remote."""
    with installed(forage, request.param, SETUP + (AT_ONCE if request.param == "coder" else "")):
        yield request.param


@contextmanager
def installed(forage: Activated, name: str, setup: str) -> Iterator[Sandbox]:
    """The sandbox with jj inside, on a workspace that was set up with the jj of the host."""
    workspace = forage.sandbox(name).workspace.source
    forage.stop(name)
    forage.host.run("find", workspace, "-mindepth", "1", "-delete")
    with rootfs.obtain(rootfs.JJ) as tree:
        shutil.copytree(tree.path, forage.host.root / PLACE)
        as_alice(forage, workspace, setup)
        forage.running(name)
        root = forage.sandbox(name).root.lstrip("/")
        shutil.copytree(tree.path, forage.host.root / root / PLACE)
    yield forage.host.sandbox(name)
    forage.stop(name)
    forage.host.run("find", workspace, "-mindepth", "1", "-delete")
    forage.host.run("rm", "-r", f"/{PLACE}")


def as_alice(forage: Activated, workspace: str, script: str) -> str:
    """Run a script in the workspace as its owner, on the host."""
    argv = ("runuser", "-u", "alice", "--", "sh", "-euc", f"cd {workspace}; {script}")
    return forage.host.run(*argv).stdout


def test_jj_works(forage: Activated, repository: str) -> None:
    workspace = forage.sandbox(repository).workspace.source
    before = as_alice(forage, workspace, "cat .git/config")
    sandbox = forage.host.sandbox(repository)
    sandbox.sh(WORK, user="agent")
    log = sandbox.sh("git -C /tmp/remote log --format=%s topic", user="agent").stdout
    assert log.split() == ["four", "one", "far"]
    forage.stop(repository)
    assert as_alice(forage, workspace, "cat .git/config") == before
    assert as_alice(forage, workspace, f"{LOG} '..@-'").split() == ["four", "one", "far"]


def test_jj_whose_old_settings_are_kept_from_it_works_at_the_third_command(
    forage: Activated,
) -> None:
    with installed(forage, "coder", SETUP) as sandbox:
        for _ in range(2):
            done = sandbox.sh(f"cd /workspace; {JJ} status", user="agent", check=False)
            assert "Device or resource busy" in done.stderr
        sandbox.sh(WORK, user="agent")
