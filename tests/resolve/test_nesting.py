"""What the host opens for a sandbox does not lie where a sandbox can write."""

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
[secrets]
key = "{key}"
[sandboxes.app]
template = "writer"
workspace = "~/app"
[sandboxes.other]
template = "reader"
workspace = "{workspace}"
"""
READER = """\
readOnlyWorkspace = true
nixDaemon = false
rootfs = "{rootfs}"
[agents.claude]
package = "claude-code"
secretName = "key"
hostConfigDir = "{config}"
[workspace.mounts.docs]
containerPath = "/srv/docs"
hostPath = "{docs}"
"""
ELSEWHERE = {
    "key": "/run/secrets/key",
    "workspace": "~/other",
    "rootfs": "/var/lib/guest",
    "config": "~/.claude",
    "docs": "~/docs",
}


each_mount = pytest.mark.parametrize(
    ("place", "file", "line"),
    [
        ("workspace", "forage.toml", 9),
        ("rootfs", "templates/reader.toml", 3),
        ("config", "templates/reader.toml", 7),
        ("docs", "templates/reader.toml", 10),
    ],
)
"""Each path that a sandbox opens, and where it is written."""


def found(root: Path, places: dict[str, str], writer: str = "") -> list[Diagnostic]:
    """What is wrong with the project in which these paths are as given."""
    written = ELSEWHERE | places
    (root / "templates").mkdir(exist_ok=True)
    (root / "forage.toml").write_text(PROJECT.format(**written))
    (root / "templates/reader.toml").write_text(READER.format(**written))
    (root / "templates/writer.toml").write_text(f"nixDaemon = false\n{writer}")
    try:
        resolve(load(root))
    except InvalidProjectError as refused:
        return list(refused.diagnostics)
    return []


def test_elsewhere_is_fine(tmp_path: Path) -> None:
    assert found(tmp_path, {}) == []


@each_mount
def test_a_path_in_a_writable_workspace_is_refused(
    tmp_path: Path, place: str, file: str, line: int
) -> None:
    (finding,) = found(tmp_path, {place: "/home/alice/app/deep/below"})

    assert finding.code == "path-in-writable"
    assert (finding.location.file, finding.location.line) == (file, line)
    assert "which the sandbox `app` can write" in finding.message
    assert "let `app` only read it" in finding.hint


def test_so_is_a_secret_in_a_writable_mount(tmp_path: Path) -> None:
    mount = """\
        [workspace.mounts.keys]
        containerPath = "/srv/keys"
        hostPath = "/srv/keys"
        readOnly = false
    """
    (finding,) = found(tmp_path, {"key": "/srv/keys/anthropic"}, mount)

    assert (finding.code, finding.location.line) == ("path-in-writable", 3)


def test_and_a_mount_in_the_sandboxes_own_workspace(tmp_path: Path) -> None:
    mount = """\
        [workspace.mounts.docs]
        containerPath = "/srv/docs"
        hostPath = "~/app/docs"
    """
    (finding,) = found(tmp_path, {}, mount)

    assert finding.code == "path-in-writable"


@pytest.mark.parametrize("same", ["/home/alice/app", "/home/alice", "/home/alice/application"])
def test_the_same_place_and_one_above_or_beside_it_are_no_danger(tmp_path: Path, same: str) -> None:
    # Nobody in the sandbox can exchange the directory that is its mount point.
    assert found(tmp_path, {"docs": same}) == []


def test_below_what_is_only_read_is_fine(tmp_path: Path) -> None:
    assert found(tmp_path, {"docs": "~/app/docs"}, "readOnlyWorkspace = true\n") == []


def test_another_mistake_does_not_hide_it(tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/broken.toml").write_text("nixDeamon = false\n")
    codes = [finding.code for finding in found(tmp_path, {"docs": "/home/alice/app/docs"})]
    assert codes == ["unknown-key", "path-in-writable"]
