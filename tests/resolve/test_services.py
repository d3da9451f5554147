"""No mount leads to a service of the host."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.resolve.test_nesting import each_mount, found

if TYPE_CHECKING:
    from pathlib import Path


@each_mount
def test_whatever_is_mounted_is_looked_at(tmp_path: Path, place: str, file: str, line: int) -> None:
    (finding,) = found(tmp_path, {place: "/nix/var/nix/daemon-socket"})

    assert finding.code == "host-service"
    assert (finding.location.file, finding.location.line) == (file, line)
    assert "the socket of the host's Nix daemon" in finding.message
    assert "nixDaemon = true" in finding.hint


@pytest.mark.parametrize(
    "path",
    [
        "/dev/shm",
        "/nix",
        "/nix/var/nix",
        "/nix/var/nix/daemon-socket/socket",
        "/proc/1/root",
        "/run",
        "/run/docker.sock",
        "/run/media",
        "/run/user/1000/bus",
        "/sys/fs/cgroup",
        "/var",
        "/var/lib",
        "/var/lib/incus/unix.socket",
        "/var/run/docker.sock",
        "/var/run/media/alice/disk",
    ],
)
def test_at_in_and_above_what_leads_to_a_service_is_refused(tmp_path: Path, path: str) -> None:
    assert [finding.code for finding in found(tmp_path, {"docs": path})] == ["host-service"]


@pytest.mark.parametrize(
    "path", ["/device", "/nix/store", "/run/media/alice/disk", "/srv/run", "/var/lib/app"]
)
def test_elsewhere_is_fine(tmp_path: Path, path: str) -> None:
    assert found(tmp_path, {"docs": path}) == []


def test_a_secret_is_read_and_not_mounted(tmp_path: Path) -> None:
    assert found(tmp_path, {"key": "/run/secrets/key"}) == []
