"""What these tests share: servers on loopback, and the command line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

from tests.pins.project import Project
from tests.pins.repository import Repository
from tests.pins.site import Site, make_certificate, serve
from tests.pins.tools import prefetch_git
from tests.requirements import PYTHONPATH, require

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]


class ForageGen(Protocol):
    """Runs the command line on a project; further arguments are variables."""

    def __call__(
        self, *arguments: str | Path, **variables: str
    ) -> subprocess.CompletedProcess[str]: ...


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    root = tmp_path / "site"
    root.mkdir()
    with serve(root) as running:
        yield running


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    require("openssl")
    return make_certificate(tmp_path_factory.mktemp("tls") / "site.pem")


@pytest.fixture
def secure_site(tmp_path: Path, certificate: Path) -> Iterator[Site]:
    root = tmp_path / "secure-site"
    root.mkdir()
    with serve(root, certificate) as running:
        yield running


@pytest.fixture
def repository(tmp_path: Path, site: Site) -> Repository:
    """A repository that `site` serves as /tool.git."""
    require("git")
    (tmp_path / "work").mkdir()
    return Repository(tmp_path / "work" / "tool", site.root / "tool.git")


@pytest.fixture
def forage_gen(tmp_path: Path) -> ForageGen:
    require("nix-prefetch-url", "nix-store")
    temporary = tmp_path / "tmp"
    temporary.mkdir()

    def run(*arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {
            "PATH": f"{prefetch_git().parent}:{os.environ['PATH']}",
            "PYTHONPATH": PYTHONPATH,
            "XDG_CACHE_HOME": str(tmp_path / "cache"),
            "TMPDIR": str(temporary),
        }
        return subprocess.run(
            [sys.executable, "-m", "forage_gen", *map(str, arguments)],
            env=environment | variables,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    return run


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "project")
