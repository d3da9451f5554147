"""A user's repository, with a project in forage/."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
CI = ROOT / "examples" / "ci"
HOST = ROOT / "examples" / "nixos-host" / "sops-nix"

# The programs of the environment that runs the tests come first, forage-gen among them.
PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"


def new_repository(directory: Path) -> Path:
    """Make a repository of the example of a host, with everything committed."""
    shutil.copytree(HOST, directory)
    git(directory, "init", "--quiet", "--initial-branch=main")
    commit(directory)
    return directory


def git(directory: Path, *arguments: str) -> str:
    who = ("-c", "user.name=Alice", "-c", "user.email=alice@example.org")
    return subprocess.run(
        ["git", *who, *arguments],
        cwd=directory,
        env=os.environ | {"PATH": PATH},
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def commit(directory: Path, *options: str) -> None:
    git(directory, "add", "--all")
    git(directory, "commit", "--quiet", "--message", "Change", *options)


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
