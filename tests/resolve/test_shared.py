"""What one sandbox protects, no other can write."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from forage_gen.diagnostics import InvalidProjectError
from forage_gen.read.load import load
from forage_gen.resolve.resolve import resolve

if TYPE_CHECKING:
    from pathlib import Path

    from forage_gen.diagnostics import Diagnostic

PROJECT = """\
user = "alice"
[sandboxes.app]
template = "careful"
workspace = "~/app"
[sandboxes.other]
template = "other"
workspace = "{workspace}"
"""
MOUNT = """\
[workspace.mounts.far]
containerPath = "/srv/far"
hostPath = "{}"
readOnly = false
"""


def found(root: Path, other: str, workspace: str = "~/app", careful: str = "") -> list[Diagnostic]:
    """What is wrong with two sandboxes, of which one protects what is protected by default."""
    (root / "templates").mkdir(exist_ok=True)
    (root / "forage.toml").write_text(PROJECT.format(workspace=workspace))
    (root / "templates/careful.toml").write_text(f"nixDaemon = false\n{careful}")
    (root / "templates/other.toml").write_text(f"nixDaemon = false\n{other}")
    try:
        resolve(load(root))
    except InvalidProjectError as refused:
        return list(refused.diagnostics)
    return []


@pytest.mark.parametrize(
    ("other", "workspace", "path"),
    [
        pytest.param("protectedPaths = []", "~/app", ".git", id="protects nothing"),
        pytest.param('protectedPaths = ["x"]', "~/app", ".git", id="something else"),
        pytest.param("", "~/app/.git/hooks", ".git/hooks", id="has the path itself"),
        pytest.param(MOUNT.format("~/app"), "~/far", ".git", id="as a mount"),
        pytest.param(MOUNT.format("~/app/.git"), "~/far", ".git", id="part, as a mount"),
    ],
)
def test_what_another_protects_cannot_be_written(
    tmp_path: Path, other: str, workspace: str, path: str
) -> None:
    codes = {finding.code: finding for finding in found(tmp_path, other, workspace)}
    finding = codes.pop("protected-elsewhere")
    assert codes.keys() <= {"path-in-writable"}
    assert finding.location.line == 7
    assert f"`app` protects `/home/alice/app/{path}" in finding.message
    assert "which `other` can write" in finding.message
    assert "let `other` only read it" in (finding.hint or "")


def test_not_even_by_the_sandbox_itself(tmp_path: Path) -> None:
    (finding,) = found(tmp_path, "", "~/other", MOUNT.format("~/app"))
    assert finding.code == "protected-elsewhere"
    assert "which `app` can write" in finding.message


@pytest.mark.parametrize(
    "other",
    [
        pytest.param("", id="protects the same"),
        pytest.param("protectedPaths = []\nreadOnlyWorkspace = true", id="only reads"),
    ],
)
def test_who_protects_as_much_may_share(tmp_path: Path, other: str) -> None:
    assert found(tmp_path, other) == []


@pytest.mark.parametrize("paths", ['["@git", ".x"]', '[".git"]'])
def test_who_protects_more_may_not(tmp_path: Path, paths: str) -> None:
    # The first has it without that.
    (finding,) = found(tmp_path, f"protectedPaths = {paths}")
    assert "`other` protects" in finding.message
    assert "which `app` can write" in finding.message
    assert finding.location.line == 4


def test_elsewhere_nothing_need_be_protected(tmp_path: Path) -> None:
    assert found(tmp_path, "protectedPaths = []", "~/other") == []
