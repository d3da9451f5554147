"""With `storeClosure`, a sandbox sees what its own system needs of the store, and no more."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import pytest

from tests.host.demo import CLOSURES, store_closed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.host.activate import Activated
    from tests.testhost.host import Sandbox

TEXT = "of another project"
USERS = ("agent", "root")

LARGE = "0123456789abcde\n" * 5000

each_user = pytest.mark.parametrize("user", USERS)


@pytest.fixture(scope="module")
def outside(demo: Activated, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A path of the host's store that no system needs."""
    directory = tmp_path_factory.mktemp("outside") / "private-source"
    directory.mkdir()
    (directory / "notes").write_text(TEXT)
    return demo.host.nix_store_add(directory)


@pytest.fixture(scope="module")
def narrow(demo: Activated, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Activated]:
    """The README's example with the option, on the systems that it has already."""
    work = tmp_path_factory.mktemp("narrow")
    with store_closed(demo, work) as narrow:
        # A file that is a path of its own, and too large to be copied.
        (work / "large").write_text(LARGE)
        path = narrow.host.nix_store_add(work / "large")
        narrow.host.sh(f"echo {path} >>{CLOSURES}/claude")
        yield narrow


def closure(narrow: Activated, template: str) -> list[str]:
    paths = narrow.host.run("cat", f"{CLOSURES}/{template}").stdout.split()
    return sorted(PurePosixPath(path).name for path in paths)


def can_read(sandbox: Sandbox, user: str, path: str) -> bool:
    return sandbox.run("cat", f"{path}/notes", user=user, check=False).stdout == TEXT


@each_user
def test_without_the_option_all_of_it_can_be_read(demo: Activated, outside: str, user: str) -> None:
    # The control.
    sandbox = demo.running("website")
    assert can_read(sandbox, user, outside)
    assert PurePosixPath(outside).name in sandbox.run("ls", "/nix/store", user=user).stdout


@each_user
def test_what_is_outside_can_be_neither_listed_nor_read(
    narrow: Activated, outside: str, user: str
) -> None:
    sandbox = narrow.running("website")
    listed = sandbox.run("ls", "-A", "/nix/store", user=user).stdout.split()
    assert listed == closure(narrow, "claude")
    assert not can_read(sandbox, user, outside)
    name = PurePosixPath(outside).name
    inside = f"/nix/store/{listed[0]}"
    for way in (f"/nix/store/../store/{name}", f"{inside}/../{name}", f"{inside}/../../{name}"):
        assert not can_read(sandbox, user, way)
    found = sandbox.sh(
        f"find / -xdev -name '{name}' 2>/dev/null; find /nix -name '{name}'", user=user, check=False
    )
    assert found.stdout == ""


@each_user
def test_it_cannot_be_changed(narrow: Activated, user: str) -> None:
    sandbox = narrow.running("website")
    path = f"/nix/store/{closure(narrow, 'claude')[0]}"
    for script in (
        "touch /nix/store/new",
        f"touch {path}/new",
        f"chmod 0777 {path}",
        "mount -o remount,rw /nix/store",
        "mount -o remount,bind,rw /nix/store && touch /nix/store/new",
        "umount /nix/store",
        "setfattr -n trusted.overlay.redirect -v /x /nix/store",
    ):
        assert sandbox.sh(script, user=user, check=False).returncode, script


def test_the_system_inside_works(narrow: Activated) -> None:
    for name in ("website", "review", "research"):
        sandbox = narrow.running(name)
        assert sandbox.state() == "running"
        # Its files are root's, as everywhere.
        owners = sandbox.sh("stat -Lc %u /nix/store /nix/store/* /etc/profile.d/system.sh").stdout
        assert set(owners.split()) == {"0"}
    script = "/run/current-system/sw/bin/rg --version; cat /workspace/npm-was-run"
    done = narrow.host.sandbox("website").sh(script)
    assert "npm install" in done.stdout


@each_user
def test_a_large_file_that_is_a_path_of_its_own_is_there(narrow: Activated, user: str) -> None:
    done = narrow.running("website").sh("cat /nix/store/*-large", user=user)
    assert done.stdout == LARGE


def test_nothing_is_left_after_a_stop(narrow: Activated) -> None:
    narrow.running("website")
    assert "/run/forage/stores/website" in narrow.host.run("cat", "/proc/mounts").stdout
    narrow.stop("website")
    narrow.host.wait_for(
        lambda: "website" not in narrow.host.run("ls", "-A", "/run/forage/stores").stdout,
        "all of it is gone",
    )
    assert "/run/forage/stores/website" not in narrow.host.run("cat", "/proc/mounts").stdout


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("rm $1", "there is no list of what its system needs"),
        ("echo /etc/shadow >>$1", "which is no path of the store"),
        (f"echo /nix/store/{'0' * 32}-gone >>$1", "which is not there"),
        ("sed -i /nixos-system/d $1", "is not that of the system"),
    ],
)
def test_without_a_sound_list_it_does_not_start(narrow: Activated, script: str, said: str) -> None:
    narrow.stop("review")
    path = f"{CLOSURES}/review"
    whole = narrow.host.run("cat", path).stdout
    narrow.host.sh(script.replace("$1", path))
    try:
        assert narrow.start("review").returncode
        assert said in narrow.status("forage-store@review.service")
    finally:
        narrow.host.write(path, whole)
        narrow.host.run("systemctl", "reset-failed")
    assert narrow.running("review").state() == "running"


def test_a_rootfs_needs_nothing_of_the_store(review: Sandbox) -> None:
    assert review.run("ls", "-A", "/nix/store").stdout == ""
