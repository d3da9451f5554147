"""The workflow for GitHub Actions is one, and its steps do what it says.

What is not run: the actions of others, and `nix profile install`, which would build
forage-gen from a real nixpkgs. Its forage-gen is this one.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest
import yaml

from tests.ci.repository import CI, PATH, ROOT, edit, git, new_repository
from tests.nixos.test_flake import OURS, SOURCES
from tests.requirements import require, require_nixpkgs

if TYPE_CHECKING:
    from pathlib import Path

WORKFLOW = CI / ".github" / "workflows" / "forage.yml"
INSTALL = "nix profile install --inputs-from . forage"
EVALUATE = "nix flake check"
CHECK, WRITE = "Check", "Write the findings for code scanning"


@dataclass(frozen=True)
class Step:
    name: str
    script: str


def steps() -> dict[str, Step]:
    """The steps that run a script, by name."""
    job = yaml.safe_load(WORKFLOW.read_text())["jobs"]["check"]
    found = [Step(step["name"], step["run"]) for step in job["steps"] if "run" in step]
    return {step.name: step for step in found}


def run(name: str, repository: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a step as a runner does: `bash -e` on a file, at the top of the repository.

    https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idstepsshell
    """
    script = repository.parent / "step.sh"
    script.write_text(steps()[name].script)
    return subprocess.run(
        ["bash", "-e", script],
        cwd=repository,
        env=os.environ | {"PATH": PATH, "XDG_CACHE_HOME": str(repository.parent)} | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    require("bash", "git")
    return new_repository(tmp_path / "host")


def test_it_is_a_workflow() -> None:
    subprocess.run(
        ["check-jsonschema", "--builtin-schema", "vendor.github-workflows", WORKFLOW],
        env=os.environ | {"PATH": PATH},
        check=True,
    )


def test_every_step_is_run_by_a_test_but_one() -> None:
    scripts = [step.script.strip() for step in steps().values()]
    assert [script for script in scripts if script.startswith("nix ")] == [INSTALL, EVALUATE]
    assert set(steps()) == {
        "Install the forage-gen that flake.lock pins",
        CHECK,
        WRITE,
        "Evaluate the hosts",
    }


def test_a_repository_that_is_in_order_passes(repository: Path) -> None:
    checked, written = run(CHECK, repository), run(WRITE, repository)
    assert (checked.returncode, checked.stdout, written.returncode) == (0, "", 0)
    assert results(repository) == []
    assert git(repository, "status", "--porcelain") == "?? forage.sarif\n"


def test_a_tree_that_was_not_built_again_fails_at_its_lines(repository: Path) -> None:
    edit(repository / "forage" / "templates" / "base.toml", '"4G"', '"5G"')
    checked, written = run(CHECK, repository), run(WRITE, repository)
    assert (checked.returncode, written.returncode) == (1, 0)
    assert_in_the_repository(repository, annotated(checked.stdout))
    assert_in_the_repository(repository, results(repository))
    assert "forage/generated/manifest.json" in annotated(checked.stdout)


def test_a_project_with_mistakes_fails_at_their_lines(repository: Path) -> None:
    edit(repository / "forage" / "templates" / "claude.toml", "allowedHosts", "alowedHosts")
    checked, written = run(CHECK, repository), run(WRITE, repository)
    assert (checked.returncode, written.returncode) == (2, 0)
    assert annotated(checked.stdout) == ["forage/templates/claude.toml"]
    assert results(repository) == ["forage/templates/claude.toml"]


def test_a_check_that_could_not_be_made_fails_the_step(repository: Path) -> None:
    (repository / "forage" / "forage.toml").unlink()
    # Opens, and then gives an error for every byte.
    (repository / "forage" / "forage.toml").symlink_to("/proc/self/mem")
    assert run(WRITE, repository).returncode != 0


def test_the_hosts_evaluate(repository: Path, tmp_path: Path) -> None:
    require("nix")
    nixpkgs = require_nixpkgs()
    forage = tmp_path / "forage"
    forage.mkdir()
    for name in (*OURS, *SOURCES):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, forage / name)
    secrets = os.environ.get("FORAGE_SOPS_NIX", ROOT / "tests" / "nixos" / "standins" / "sops-nix")
    flake = repository / "flake.nix"
    edit(flake, "github:NixOS/nixpkgs/nixos-unstable", f"path:{nixpkgs}")
    edit(flake, "github:example/forage", f"path:{forage}")
    edit(flake, "github:Mic92/sops-nix", f"path:{secrets}")
    (repository / "secrets").mkdir()
    (repository / "secrets" / "secrets.yaml").touch()
    git(repository, "add", "--all")
    features = {"NIX_CONFIG": "experimental-features = nix-command flakes"}
    passed = run("Evaluate the hosts", repository, **features)
    assert passed.returncode == 0, passed.stderr
    edit(repository / "configuration.nix", "uid = 1000;", "uid = 1001;")
    failed = run("Evaluate the hosts", repository, **features)
    assert failed.returncode != 0
    assert "Write uid = 1001 in forage.toml" in failed.stderr


def annotated(output: str) -> list[str]:
    """The files of workflow commands."""
    return re.findall(r"^::error file=([^,]+),", output, re.MULTILINE)


def results(repository: Path) -> list[str]:
    """The files of a SARIF log's results."""
    (log,) = json.loads((repository / "forage.sarif").read_text())["runs"]
    places = [result["locations"][0]["physicalLocation"] for result in log["results"]]
    return [unquote(place["artifactLocation"]["uri"]) for place in places]


def assert_in_the_repository(repository: Path, files: list[str]) -> None:
    assert files
    assert [file for file in files if not (repository / file).is_file()] == []
