"""What docs/sources.md shows is what happens."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from forage_gen.pins.lock import read
from forage_gen.project import compile_project
from forage_gen.resolve.allocate import Lock
from forage_gen.resolve.pins import Pin
from tests.requirements import require

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/sources.md").read_text()

_FILE = re.compile(r"```(?:toml|nix)\n# (?P<name>[a-z/.]+)\n(?P<body>.*?)```", re.DOTALL)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The project of the page, as its reader would type it, with pins."""
    for block in _FILE.finditer(PAGE):
        file = tmp_path / block["name"]
        file.parent.mkdir(exist_ok=True)
        file.write_text(block["body"])
    pins = {
        name: Pin(
            source.type,
            source.url.text,
            source.ref,
            "0" * 40 if source.type == "git" else None,
            f"sha256-{'A' * 43}=",
        )
        for name, source in read(tmp_path).sources.items()
    }
    (tmp_path / "forage.lock").write_text(Lock({}, {}, pins).render())
    return tmp_path


def test_its_project_compiles(project: Path) -> None:
    require("nix-instantiate")
    compiled = compile_project(project)
    assert [source.name for source in compiled.resolved.plan.sources] == [
        "fast-agent",
        "lister",
        "planner",
    ]
    for artifact in compiled.artifacts:
        if artifact.path.endswith(".nix"):
            subprocess.run(
                ["nix-instantiate", "--parse", "-"],
                input=artifact.content,
                check=True,
                capture_output=True,
            )


def test_its_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", PAGE):
        assert (ROOT / "docs" / target).exists(), target
