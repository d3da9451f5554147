"""The hooks for pre-commit, run by pre-commit from a clone of this repository."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.ci.repository import CI, PATH, ROOT, commit, edit, git, new_repository
from tests.requirements import require

if TYPE_CHECKING:
    from pathlib import Path

HOOKS = ROOT / ".pre-commit-hooks.yaml"
CONFIG = CI / ".pre-commit-config.yaml"
TEMPLATE = "forage/templates/base.toml"


def pre_commit(*arguments: str | Path, cwd: Path, home: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PATH": PATH, "PRE_COMMIT_HOME": str(home), "NO_COLOR": "1"}
    environment.pop("PYTHONPATH", None)
    return subprocess.run(
        ["pre-commit", *map(str, arguments)],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pre-commit keeps what it has installed: once for all tests here."""
    return tmp_path_factory.mktemp("pre-commit")


@pytest.fixture(scope="module")
def forage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This repository as it is now, committed, as users clone it."""
    require("git")
    clone = tmp_path_factory.mktemp("forage") / "forage"
    listed = git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).exists():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, clone / name, follow_symlinks=False)
    git(clone, "init", "--quiet", "--initial-branch=main")
    commit(clone)
    git(clone, "tag", "v0.1.0")
    return clone


@pytest.fixture
def repository(tmp_path: Path, forage: Path) -> Path:
    """A user's repository with our sample, whose address leads to the clone."""
    directory = new_repository(tmp_path / "host")
    config = CONFIG.read_text()
    assert "https://github.com/example/forage" in config
    (directory / ".pre-commit-config.yaml").write_text(
        config.replace("https://github.com/example/forage", str(forage))
    )
    commit(directory)
    return directory


@pytest.mark.parametrize(
    ("command", "file"), [("validate-manifest", HOOKS), ("validate-config", CONFIG)]
)
def test_the_files_are_valid(command: str, file: Path, home: Path) -> None:
    result = pre_commit(command, file, cwd=ROOT, home=home)
    assert (result.returncode, result.stdout) == (0, "")


def test_the_sample_pins_this_version() -> None:
    (repo,) = yaml.safe_load(CONFIG.read_text())["repos"]
    init = (ROOT / "forage_gen" / "__init__.py").read_text()
    assert f'__version__ = "{repo["rev"].removeprefix("v")}"' in init


@pytest.mark.parametrize("hook", ["forage-check", "forage-check-system"])
def test_a_commit_passes_if_the_tree_is_current_and_fails_if_not(
    repository: Path, home: Path, hook: str
) -> None:
    edit(repository / ".pre-commit-config.yaml", "id: forage-check\n", f"id: {hook}\n")
    git(repository, "add", "--all")
    passed = pre_commit("run", "--all-files", cwd=repository, home=home)
    assert passed.returncode == 0, passed.stdout + passed.stderr
    assert re.search(r"forage-gen check\.+Passed", passed.stdout)

    edit(repository / TEMPLATE, '"4G"', '"5G"')
    git(repository, "add", TEMPLATE)
    failed = pre_commit("run", cwd=repository, home=home)
    assert failed.returncode == 1
    assert "forage/generated/manifest.json:1:1: error[tree-stale]" in failed.stdout
    assert "Run `forage-gen build`." in failed.stdout


def test_git_refuses_the_commit_until_the_tree_is_built(
    repository: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRE_COMMIT_HOME", str(home))
    assert pre_commit("install", cwd=repository, home=home).returncode == 0
    edit(repository / TEMPLATE, '"4G"', '"5G"')
    with pytest.raises(subprocess.CalledProcessError) as failure:
        commit(repository)
    assert "error[tree-stale]" in failure.value.stderr
    subprocess.run(
        ["forage-gen", "build", "forage"],
        cwd=repository,
        env=os.environ | {"PATH": PATH},
        check=True,
        capture_output=True,
    )
    commit(repository)


@pytest.mark.parametrize(
    ("path", "runs"),
    [
        ("forage/forage.toml", True),
        ("forage/forage.lock", True),
        ("forage/templates/new.toml", True),
        ("forage/generated/default.nix", True),
        ("forage.json", True),
        ("templates/claude.toml", True),
        ("configuration.nix", False),
        ("src/templates/page/x.toml", False),
        ("forage.toml.md", False),
    ],
)
def test_the_hook_runs_for_files_of_a_project(path: str, *, runs: bool) -> None:
    for hook in yaml.safe_load(HOOKS.read_text()):
        assert bool(re.search(hook["files"], path)) == runs
