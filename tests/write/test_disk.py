"""Full disks, missing permissions, read-only and layered file systems; all of them real."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from forage_gen.write.compare import compare
from forage_gen.write.errors import Code, WriteError
from forage_gen.write.tree import Status
from tests.requirements import require
from tests.write.builder import TREES
from tests.write.support import NOBODY, Build, as_user, listed, mounted, remount, snapshot

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

OLD, NEW = TREES["old"], TREES["new"]


def failure(build: Build, out: Path, companions: Mapping[Path, bytes] | None = None) -> WriteError:
    before = snapshot(out.parent)
    with pytest.raises(WriteError) as caught:
        build.write(out, companions)
    assert snapshot(out.parent) == before
    return caught.value


# --- Full disks


LARGE_OLD = Build({f"d{i % 5}/f{i}": f"old {i}" * 600 for i in range(20)})
LARGE_NEW = Build({f"e{i % 5}/f{i}": f"new {i}" * 900 for i in range(20)})


def outcomes(mount: Path, limits: list[str]) -> list[str]:
    """Tries one limit after another on a tmpfs; each leaves one tree or the other."""
    found = []
    out, lock = mount / "generated", mount / "forage.lock"
    for limit in limits:
        remount(mount, "size=8m,nr_inodes=1000")
        LARGE_OLD.write(out, {lock: b"old" * 3000})
        remount(mount, limit)
        try:
            LARGE_NEW.write(out, {lock: b"new" * 3000})
        except WriteError as error:
            result = (error.code, snapshot(out), lock.read_bytes())
            assert result == (Code.DISK_FULL, LARGE_OLD.snapshot(), b"old" * 3000)
            found.append("full")
        else:
            assert (snapshot(out), lock.read_bytes()) == (LARGE_NEW.snapshot(), b"new" * 3000)
            found.append("fits")
        assert {path.name for path in mount.iterdir()} == {"generated", "forage.lock"}
    return found


def used(mount: Path) -> tuple[int, int]:
    """Pages and inodes that are taken."""
    status = os.statvfs(mount)
    return status.f_blocks - status.f_bfree, status.f_files - status.f_ffree


def test_a_full_disk_at_every_size(mounts: Path) -> None:
    page = os.sysconf("SC_PAGESIZE")
    with mounted(mounts / "small", "tmpfs", "size=8m") as mount:
        LARGE_OLD.write(mount / "generated", {mount / "forage.lock": b"old" * 3000})
        pages, _ = used(mount)
        sizes = [f"size={(pages + more) * page}" for more in range(2 * pages + 20)]
        found = outcomes(mount, sizes)
    assert found == sorted(found, reverse=True)
    assert found.count("full") > 30
    assert found.count("fits") > 5


def test_no_inodes_left_at_every_number(mounts: Path) -> None:
    with mounted(mounts / "small", "tmpfs", "size=8m,nr_inodes=1000") as mount:
        LARGE_OLD.write(mount / "generated", {mount / "forage.lock": b"old" * 3000})
        _, inodes = used(mount)
        found = outcomes(mount, [f"nr_inodes={inodes + more}" for more in range(inodes + 5)])
    assert found == sorted(found, reverse=True)
    assert found.count("full") > 20
    assert found.count("fits") > 2


def test_a_full_disk_for_the_first_tree(mounts: Path) -> None:
    with mounted(mounts / "small", "tmpfs", "size=32k") as mount:
        error = failure(LARGE_NEW, mount / "generated")
        assert error.code is Code.DISK_FULL
        assert "df" in error.hint
        assert listed(mount) == []


# --- Permissions


def test_a_directory_of_someone_else(public: Path) -> None:
    out = public / "generated"
    for build in (OLD, NEW):
        with as_user(NOBODY):
            error = failure(build, out)
        assert error.code is Code.PERMISSION
        assert str(public) in error.message
        build.write(out)
    with as_user(NOBODY):
        assert NEW.write(out).status is Status.UNCHANGED
        assert compare(out, NEW.artifacts, NEW.manifest) == []


def test_a_tree_of_someone_else_in_a_directory_of_ours(public: Path) -> None:
    out = public / "generated"
    OLD.write(out)
    os.chown(public, NOBODY, NOBODY)
    with as_user(NOBODY):
        error = failure(NEW, out)
    assert error.code is Code.PERMISSION
    assert str(out) in error.message
    # Also where it is only one directory deep inside: the old tree could not be removed.
    for path in (out, *out.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    os.chown(out / "gone", 0, 0)
    with as_user(NOBODY):
        error = failure(NEW, out)
    assert error.code is Code.PERMISSION
    assert str(out / "gone") in error.message


def test_files_of_someone_else_in_a_tree_of_ours(public: Path) -> None:
    """They are replaced by ours, not linked."""
    out = public / "generated"
    OLD.write(out)
    os.chown(public, NOBODY, NOBODY)
    for path in (out, *out.rglob("*")):
        if path.is_dir():
            os.chown(path, NOBODY, NOBODY)
    with as_user(NOBODY):
        NEW.write(out)
    assert snapshot(out) == NEW.snapshot()
    assert {path.stat().st_uid for path in (out, *out.rglob("*"))} == {NOBODY}


def test_what_cannot_be_read(public: Path) -> None:
    out = public / "generated"
    OLD.write(out)
    os.chown(public, NOBODY, NOBODY)
    for name in ("a", "run", "manifest.json"):
        mode = (out / name).stat().st_mode
        (out / name).chmod(0)
        with as_user(NOBODY):
            for call in (OLD.write, lambda out: compare(out, OLD.artifacts, OLD.manifest)):
                with pytest.raises(WriteError) as caught:
                    call(out)
                assert caught.value.code is Code.PERMISSION
                assert str(out) in caught.value.message
        (out / name).chmod(mode)
    public.chmod(0)
    with as_user(NOBODY), pytest.raises(WriteError) as caught:
        OLD.write(out)
    assert caught.value.code is Code.PERMISSION


# --- Kinds of file systems


def test_a_read_only_file_system(mounts: Path) -> None:
    with mounted(mounts / "mount", "tmpfs", "size=1m") as mount:
        out, lock = mount / "generated", mount / "forage.lock"
        remount(mount, "ro")
        assert failure(OLD, out).code is Code.READ_ONLY
        remount(mount, "rw")
        OLD.write(out, {lock: b"1"})
        remount(mount, "ro")
        assert failure(NEW, out).code is Code.READ_ONLY
        assert failure(OLD, out, {lock: b"2"}).code is Code.READ_ONLY
        assert OLD.write(out, {lock: b"1"}).status is Status.UNCHANGED


def test_a_mount_point(mounts: Path) -> None:
    with mounted(mounts / "generated", "tmpfs", "size=1m") as out:
        error = failure(NEW, out)
        assert error.code is Code.BUSY
        assert "mount point" in error.message
        assert listed(mounts) == ["generated"]


def test_a_mount_point_in_the_old_tree(mounts: Path) -> None:
    """It is ours, all names fit, and yet it cannot be removed."""
    out = mounts / "generated"
    OLD.write(out)
    subprocess.run(["mount", "-t", "tmpfs", "test", str(out / "gone")], check=True)
    try:
        (out / "gone/b").write_text("b\n")
        with pytest.raises(WriteError, match=r"the new tree .* is in place, but") as caught:
            NEW.write(out)
    finally:
        # Where it is mounted after the switch.
        subprocess.run(["umount", str(mounts / ".generated.forage-new/gone")], check=True)
    assert caught.value.code is Code.BUSY
    assert snapshot(out) == NEW.snapshot()
    NEW.write(out)
    assert listed(mounts) == ["generated"]


def overlay(mounts: Path, lower: Path) -> str:
    (mounts / "upper").mkdir()
    (mounts / "work").mkdir()
    return f"lowerdir={lower},upperdir={mounts / 'upper'},workdir={mounts / 'work'}"


def test_a_tree_in_a_lower_layer(mounts: Path) -> None:
    """A container image, for one. Its directories cannot be renamed."""
    (mounts / "lower").mkdir()
    OLD.write(mounts / "lower/generated", {mounts / "lower/forage.lock": b"1"})
    with (
        mounted(mounts / "layers", "tmpfs", "size=8m") as layers,
        mounted(mounts / "merged", "overlay", overlay(layers, mounts / "lower")) as merged,
    ):
        out = merged / "generated"
        error = failure(NEW, out, {merged / "forage.lock": b"2"})
        assert error.code is Code.UNMOVABLE
        assert "overlay" in error.hint
        # What the hint says.
        subprocess.run(["cp", "-a", str(out), str(merged / "copy")], check=True)
        subprocess.run(["rm", "-r", str(out)], check=True)
        (merged / "copy").rename(out)
        NEW.write(out, {merged / "forage.lock": b"2"})
        assert snapshot(out) == NEW.snapshot()
        OLD.write(out)
        assert snapshot(out) == OLD.snapshot()
        assert {path.name for path in merged.iterdir()} == {"generated", "forage.lock"}


def test_an_immutable_file(mounts: Path) -> None:
    """It cannot be linked nor removed, and only root of this machine may say so."""
    require("chattr", "mkfs.ext4")
    image = mounts / "image"
    with image.open("wb") as file:
        file.truncate(4 << 20)
    subprocess.run(["mkfs.ext4", "-q", str(image)], check=True)
    with mounted(mounts / "mount", "ext4", "loop", str(image)) as mount:
        out = mount / "generated"
        OLD.write(out)
        subprocess.run(["chattr", "+i", str(out / "kept")], check=True)
        with pytest.raises(WriteError, match="in place, but cannot remove the old") as caught:
            NEW.write(out)
        assert caught.value.code is Code.PERMISSION
        assert "lsattr" in caught.value.hint
        assert snapshot(out) == NEW.snapshot()
        kept = mount / ".generated.forage-new/kept"
        subprocess.run(["chattr", "-i", str(kept)], check=True)
        NEW.write(out)
        assert snapshot(out) == NEW.snapshot()
        assert listed(mount) == ["generated", "lost+found"]
