"""`forage-gen import`, run as a person runs it."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from forage_gen.importer.document import document
from tests.importer.samples import LEFT_BEHIND, PLAIN
from tests.requirements import PYTHONPATH

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "migrating.md"

DONE, INVALID, ENVIRONMENT = 0, 2, 3


def run(*arguments: str | Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "forage_gen", "import", *map(str, arguments)],
        cwd=cwd,
        env={"PYTHONPATH": PYTHONPATH, "PATH": "/usr/bin:/bin"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    file = tmp_path / "claude.json"
    file.write_text(json.dumps(PLAIN))
    return file


@pytest.fixture
def project(tmp_path: Path) -> Path:
    directory = tmp_path / "project"
    directory.mkdir()
    return directory


def test_it_prints_the_template(theirs: Path, project: Path) -> None:
    result = run(theirs, cwd=project)
    assert (result.returncode, result.stderr) == (DONE, "")
    assert tomllib.loads(result.stdout)["description"] == "Claude Code"
    assert list(project.iterdir()) == []


def test_it_prints_utf_8_whatever_the_locale(theirs: Path, project: Path) -> None:
    theirs.write_text(json.dumps({**PLAIN, "description": "naïve 🦊"}, ensure_ascii=False))
    result = run(theirs, cwd=project, PYTHONIOENCODING="latin-1", PYTHONUTF8="0")
    assert result.returncode == DONE
    assert 'description = "naïve 🦊"' in result.stdout


def test_it_warns_on_standard_error(theirs: Path, project: Path) -> None:
    theirs.write_text(json.dumps(LEFT_BEHIND))
    result = run(theirs, cwd=project)
    assert result.returncode == DONE
    assert f"{theirs}:1:2: warning[not-carried]: `useProxy` is not carried over." in result.stderr
    tomllib.loads(result.stdout)


def test_it_writes_the_template_into_a_project(theirs: Path, project: Path) -> None:
    result = run(theirs, "-o", project, cwd=project)
    file = project / "templates" / "claude.toml"
    assert (result.returncode, result.stdout) == (DONE, "")
    assert result.stderr == f"{file} was written.\n"
    assert file.read_text() == run(theirs, cwd=project).stdout


def test_again_it_has_nothing_to_do(theirs: Path, project: Path) -> None:
    run(theirs, "-o", project, cwd=project)
    result = run(theirs, "-o", project, cwd=project)
    assert result.returncode == DONE
    assert "is as it would be written" in result.stderr


def test_a_file_that_differs_is_left_alone(theirs: Path, project: Path) -> None:
    file = project / "templates" / "claude.toml"
    file.parent.mkdir()
    file.write_text("mine")
    result = run(theirs, "-o", project, cwd=project)
    assert result.returncode == ENVIRONMENT
    assert "is there already" in result.stderr
    assert "--force" in result.stderr
    assert file.read_text() == "mine"


def test_force_replaces_it_and_says_so(theirs: Path, project: Path) -> None:
    file = project / "templates" / "claude.toml"
    file.parent.mkdir()
    file.write_text("mine")
    result = run(theirs, "-o", project, "--force", cwd=project)
    assert (result.returncode, result.stderr) == (DONE, f"{file} was replaced.\n")
    assert file.read_text() == run(theirs, cwd=project).stdout
    assert file.stat().st_mode & 0o777 == 0o644
    assert [path.name for path in file.parent.iterdir()] == ["claude.toml"]


@pytest.mark.parametrize("options", [(), ("--force",)])
def test_a_link_is_not_written_through(
    theirs: Path, project: Path, options: tuple[str, ...]
) -> None:
    target = project / "elsewhere"
    target.write_text("mine")
    file = project / "templates" / "claude.toml"
    file.parent.mkdir()
    file.symlink_to(target)
    result = run(theirs, "-o", project, *options, cwd=project)
    assert result.returncode == (DONE if options else ENVIRONMENT)
    assert target.read_text() == "mine"


def test_it_makes_no_project(theirs: Path, project: Path) -> None:
    result = run(theirs, "-o", project / "none", cwd=project)
    assert result.returncode == ENVIRONMENT
    assert "Cannot write" in result.stderr
    assert not (project / "none").exists()


def test_a_mistake_writes_nothing(theirs: Path, project: Path) -> None:
    theirs.write_text('{\n  "netwrok": "full"\n}')
    result = run(theirs, "-o", project, cwd=project)
    assert (result.returncode, result.stdout) == (INVALID, "")
    assert f"{theirs}:2:3: error[unknown-key]" in result.stderr
    assert list(project.iterdir()) == []


def test_the_page_about_it_is_up_to_date() -> None:
    assert PAGE.read_text() == document(), "run `python -m forage_gen.importer.document`"
