"""What the README shows is what happens."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from forage_gen.diagnostics import InvalidProjectError
from forage_gen.project import compile_project
from forage_gen.report.text import text

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()

_TOML = re.compile(r"```toml\n# (?P<name>[a-z/.]+)\n(?P<body>.*?)```", re.DOTALL)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The project of the README, as its reader would type it."""
    for block in _TOML.finditer(README):
        file = tmp_path / block["name"]
        file.parent.mkdir(exist_ok=True)
        file.write_text(block["body"])
    return tmp_path


def test_its_project_compiles(project: Path) -> None:
    plan = compile_project(project).resolved.plan
    assert [sandbox.name for sandbox in plan.sandboxes] == ["website"]


def test_its_message_is_the_real_one(project: Path) -> None:
    template = project / "templates" / "claude.toml"
    template.write_text(template.read_text().replace("allowedHosts", "alowedHosts"))
    with pytest.raises(InvalidProjectError) as failure:
        compile_project(project)
    message = text(failure.value.diagnostics)
    shown = "".join(f"    {line}\n" if line else "\n" for line in message.splitlines()[:4])
    assert shown in README


def test_its_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target


def test_its_commands_are_there() -> None:
    for script in re.findall(r"^    (scripts/\w+)$", README, re.MULTILINE):
        assert (ROOT / script).stat().st_mode & 0o100
