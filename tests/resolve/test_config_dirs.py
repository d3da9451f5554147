"""An agent's directory on the host holds its own state, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.resolve.test_nesting import found

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("~", "is a home directory"),
        ("/home/bob", "is a home directory"),
        ("/root", "is a home directory"),
        ("/home", "is a directory with a home directory in it"),
        ("/etc", "is a directory of the system"),
        ("/etc/agent", "is a directory of the system"),
        ("/nix/store", "is a directory of the system"),
        ("/tmp", "is a directory that many programs share"),
        ("~/.ssh", "is in `/home/alice/.ssh`"),
        ("~/.ssh/agent", "is in `/home/alice/.ssh`"),
        ("~/.gnupg", "is in `/home/alice/.gnupg`"),
        ("~/.aws", "is in `/home/alice/.aws`"),
        ("~/.config", "has `/home/alice/.config/containers` in it"),
        ("~/.local", "has `/home/alice/.local/bin` in it"),
        ("~/.local/share", "has `/home/alice/.local/share/keyrings` in it"),
        ("~/other", "is, or has in it, the workspace of `other`"),
    ],
)
def test_what_holds_more_is_refused(tmp_path: Path, path: str, why: str) -> None:
    (finding,) = found(tmp_path, {"config": path})

    assert finding.code == "config-dir-too-wide"
    assert (finding.location.file, finding.location.line) == ("templates/reader.toml", 7)
    assert why in finding.message
    assert 'hostConfigDir = "~/.claude"' in finding.hint


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/", "path-root"),
        ("/run/secrets", "host-service"),
        ("/proc/self", "host-service"),
        ("/var", "host-service"),
    ],
)
def test_what_may_be_mounted_nowhere_is_refused_once(tmp_path: Path, path: str, code: str) -> None:
    (finding,) = found(tmp_path, {"config": path})
    assert finding.code == code


def test_a_directory_above_the_workspace_is_refused(tmp_path: Path) -> None:
    places = {"config": "/pool/agents", "workspace": "/pool/agents/deep/workspace"}
    (finding,) = found(tmp_path, places)
    assert finding.code == "config-dir-too-wide"
    assert "the workspace of `other`" in finding.message


def test_a_directory_with_the_file_of_a_secret_is_refused(tmp_path: Path) -> None:
    (finding,) = found(tmp_path, {"config": "/pool/agent", "key": "/pool/agent/key"})
    assert finding.code == "config-dir-too-wide"
    assert "the file of the secret `key`" in finding.message


@pytest.mark.parametrize(
    "path", ["~/.claude", "~/.config/claude", "~/.sshd", "/pool/claude", "/run/media/alice/x/y"]
)
def test_an_agents_own_directory_is_fine(tmp_path: Path, path: str) -> None:
    assert found(tmp_path, {"config": path}) == []


def test_another_mount_may_be_of_the_system(tmp_path: Path) -> None:
    assert found(tmp_path, {"docs": "/etc/agent"}) == []
