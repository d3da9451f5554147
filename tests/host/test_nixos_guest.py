"""A guest without `rootfs` starts from the store alone, by its system's own init."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING

import pytest

from tests.host import nixos_guest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.host.activate import Activated
    from tests.testhost.host import Sandbox


@pytest.fixture(scope="module")
def nixos(activated: Activated) -> Iterator[Sandbox]:
    """The sandbox whose template has no root file system."""
    if platform.machine() != nixos_guest.MACHINE:
        pytest.skip(f"the guest is made for {nixos_guest.MACHINE}")
    nixos_guest.install(activated.host, "nixos")
    yield activated.running("nixos")
    activated.stop("nixos")
    nixos_guest.remove(activated.host, "nixos")


def test_its_system_runs(nixos: Sandbox) -> None:
    assert nixos.state() == "running"


def test_init_is_the_systems(nixos: Sandbox) -> None:
    assert nixos.run("readlink", "/sbin/init").stdout == "/nix/store/toplevel/init\n"


def test_the_host_name_is_the_sandboxes(nixos: Sandbox) -> None:
    assert nixos.run("hostname").stdout == "nixos\n"


def test_the_root_is_new_and_of_its_size(nixos: Sandbox) -> None:
    shown = nixos.run("findmnt", "--noheadings", "--output=FSTYPE,SIZE", "/").stdout
    assert shown.split() == ["tmpfs", "64M"]


def test_the_store_cannot_be_written(nixos: Sandbox) -> None:
    done = nixos.sh("touch /nix/store/new", check=False)
    assert "Read-only file system" in done.stderr


def test_the_agent_works_in_the_workspace(activated: Activated, nixos: Sandbox) -> None:
    nixos.sh("echo text >/workspace/written && echo x >~/file", user="agent")
    path = "/home/alice/projects/nixos/written"
    assert activated.host.run("stat", "--format=%U:%G", path).stdout == "alice:users\n"


def test_the_trees_files_are_in_its_root(nixos: Sandbox) -> None:
    shown = nixos.run("cat", "/etc/resolv.conf").stdout
    assert shown == "# This sandbox has no network, and no names.\n"
