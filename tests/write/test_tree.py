from __future__ import annotations

import os
import signal
import stat
from pathlib import Path

import pytest

from forage_gen.artifact import Artifact
from forage_gen.write import create, staging
from forage_gen.write.compare import compare
from forage_gen.write.errors import Code, WriteError
from forage_gen.write.manifest import HEAD
from forage_gen.write.review import Difference, Kind
from forage_gen.write.tree import Status, write
from tests.requirements import require
from tests.write.builder import TREES
from tests.write.support import Build, listed, snapshot, times

OLD, NEW = TREES["old"], TREES["new"]


def refused(build: Build, out: Path, **companions: bytes) -> WriteError:
    """Builds, and sees that it is refused and that nothing whatever is changed."""
    around = out.parent if out.parent.is_dir() else out.parent.parent
    before = snapshot(around)
    with pytest.raises(WriteError) as caught:
        build.write(out, {out.with_name(name): data for name, data in companions.items()})
    assert snapshot(around) == before
    assert caught.value.hint
    assert str(caught.value) == f"{caught.value.message}\n{caught.value.hint}"
    return caught.value


# --- What is written


def test_makes_a_tree(tmp_path: Path) -> None:
    result = OLD.write(tmp_path / "generated")
    assert result.status is Status.CREATED
    assert result.differences == (Difference("", Kind.NO_TREE),)
    assert snapshot(tmp_path / "generated") == OLD.snapshot()
    assert listed(tmp_path) == ["generated"]


def test_makes_a_tree_that_survives_a_power_loss_by_default(tmp_path: Path) -> None:
    out = tmp_path / "generated"
    for build in (OLD, NEW):
        write(out, build.artifacts, build.manifest, companions={tmp_path / "lock": build.manifest})
        assert snapshot(out) == build.snapshot()
    assert write(out, NEW.artifacts, NEW.manifest).status is Status.UNCHANGED
    lock = write(out, NEW.artifacts, NEW.manifest, companions={tmp_path / "lock": b""})
    assert lock.status is Status.UNCHANGED
    assert lock.companions == (tmp_path / "lock",)


def test_replaces_a_tree(tmp_path: Path) -> None:
    OLD.write(tmp_path / "generated")
    result = NEW.write(tmp_path / "generated")
    assert result.status is Status.UPDATED
    assert snapshot(tmp_path / "generated") == NEW.snapshot()
    assert listed(tmp_path) == ["generated"]
    assert result.edited == ()
    assert [(d.path, d.kind) for d in result.differences] == [
        ("a", Kind.STALE),
        ("gone/b", Kind.EXTRA),
        ("manifest.json", Kind.STALE),
        ("more/c", Kind.MISSING),
        ("run/x", Kind.STALE),
    ]


def test_a_tree_of_nothing(tmp_path: Path) -> None:
    for _ in range(2):
        Build({}).write(tmp_path / "generated")
        assert listed(tmp_path / "generated") == ["manifest.json"]
        OLD.write(tmp_path / "generated")


def test_files_and_directories_trade_names(tmp_path: Path) -> None:
    one = Build({"x/y/z": "1", "v": "2"})
    other = Build({"x": "1", "v/y/z": "2"})
    for build in (one, other, one):
        build.write(tmp_path / "generated")
        assert snapshot(tmp_path / "generated") == build.snapshot()


def test_fills_an_empty_directory(tmp_path: Path) -> None:
    (tmp_path / "generated").mkdir()
    assert OLD.write(tmp_path / "generated").status is Status.UPDATED
    assert snapshot(tmp_path / "generated") == OLD.snapshot()


def test_a_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    OLD.write(Path("generated"))
    NEW.write(Path("./generated/"))
    assert snapshot(tmp_path / "generated") == NEW.snapshot()


def test_a_directory_reached_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    OLD.write(tmp_path / "link/generated")
    assert snapshot(tmp_path / "real/generated") == OLD.snapshot()


def test_nothing_is_touched_if_nothing_changed(tmp_path: Path) -> None:
    lock = {tmp_path / "forage.lock": b"1"}
    OLD.write(tmp_path / "generated", lock)
    before = times(tmp_path)
    result = OLD.write(tmp_path / "generated", lock)
    assert result.status is Status.UNCHANGED
    assert result.differences == ()
    assert result.companions == ()
    assert times(tmp_path) == before


def test_a_checkout_with_another_umask_is_unchanged(tmp_path: Path) -> None:
    for umask in (0o002, 0o077):
        OLD.write(tmp_path / "generated")
        for path in (tmp_path / "generated").rglob("*"):
            executable = path.is_dir() or path.stat().st_mode & 0o100
            path.chmod((0o777 if executable else 0o666) & ~umask)
        before = times(tmp_path)
        assert OLD.write(tmp_path / "generated").status is Status.UNCHANGED
        assert times(tmp_path) == before
        # But once something is written, all is written with the modes it should have.
        NEW.write(tmp_path / "generated")
        assert snapshot(tmp_path / "generated") == NEW.snapshot()


@pytest.mark.parametrize("mode", [0o666, 0o744, 0o4644, 0o044, 0])
def test_wrong_modes_are_corrected(tmp_path: Path, mode: int) -> None:
    if not mode & stat.S_IRUSR:
        require("root")  # others cannot read it, and are told so
    OLD.write(tmp_path / "generated")
    (tmp_path / "generated/a").chmod(mode)
    (tmp_path / "generated/run").chmod(0o777)
    (tmp_path / "generated/run/x").chmod(0o644)
    result = OLD.write(tmp_path / "generated")
    assert result.differences == (
        Difference("a", Kind.MODE, f"{mode:04o}, not 0644"),
        Difference("run/", Kind.MODE, "0777, not 0755"),
        Difference("run/x", Kind.MODE, "0644, not 0755"),
    )
    assert snapshot(tmp_path / "generated") == OLD.snapshot()


def test_changes_by_hand_are_replaced_and_told(tmp_path: Path) -> None:
    out = tmp_path / "generated"
    OLD.write(out)
    (out / "a").write_text("by hand")
    (out / "gone/b").write_text("by hand")
    (out / "kept").unlink()
    result = NEW.write(out)
    assert result.edited == ("a", "gone/b")
    assert snapshot(out) == NEW.snapshot()


def test_a_hand_edit_is_not_written_into_other_links_of_the_file(tmp_path: Path) -> None:
    out = tmp_path / "generated"
    OLD.write(out)
    (tmp_path / "copy").hardlink_to(out / "a")
    NEW.write(out)
    assert (tmp_path / "copy").read_text() == "old\n"


def test_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def link(*_: object, **__: object) -> None:
        raise PermissionError

    OLD.write(tmp_path / "generated")
    monkeypatch.setattr(os, "link", link)
    NEW.write(tmp_path / "generated")
    assert snapshot(tmp_path / "generated") == NEW.snapshot()


# --- Companions


def test_companions_change_with_the_tree(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    companions = {tmp_path / "forage.lock": b"1", tmp_path / "other/lock": b"2"}
    for build in (OLD, NEW):
        result = build.write(tmp_path / "generated", companions)
        assert result.companions == tuple(companions)
        assert {path: path.read_bytes() for path in companions} == companions
        assert (tmp_path / "forage.lock").stat().st_mode & 0o7777 == 0o644
        companions = {path: content + b"\n" for path, content in companions.items()}
    assert listed(tmp_path) == ["forage.lock", "generated", "other"]
    assert listed(tmp_path / "other") == ["lock"]


def test_a_companion_alone_does_not_stage_the_tree(tmp_path: Path) -> None:
    OLD.write(tmp_path / "generated", {tmp_path / "forage.lock": b"1"})
    before = times(tmp_path / "generated")
    result = OLD.write(tmp_path / "generated", {tmp_path / "forage.lock": b"2"})
    assert (result.status, result.companions) == (Status.UNCHANGED, (tmp_path / "forage.lock",))
    assert times(tmp_path / "generated") == before
    assert listed(tmp_path) == ["forage.lock", "generated"]


def test_companions_left_by_a_killed_run_are_removed(tmp_path: Path) -> None:
    OLD.write(tmp_path / "generated", {tmp_path / "forage.lock": b"1"})
    (tmp_path / ".forage.lock.forage-new").write_text("x")
    (tmp_path / ".forage.lock.forage-old").write_text("x")
    OLD.write(tmp_path / "generated", {tmp_path / "forage.lock": b"1"})
    assert listed(tmp_path) == ["forage.lock", "generated"]


def test_a_companion_that_is_a_link_or_a_directory(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("mine")
    (tmp_path / "lock").symlink_to("target")
    assert refused(OLD, tmp_path / "generated", lock=b"x").code is Code.SYMLINK
    (tmp_path / "lock2").mkdir()
    assert refused(OLD, tmp_path / "generated", lock2=b"x").code is Code.NOT_A_FILE
    (tmp_path / ".lock3.forage-new").symlink_to("target")
    assert refused(OLD, tmp_path / "generated", lock3=b"x").code is Code.SYMLINK


# --- What is refused


@pytest.mark.parametrize("out", ["/", ".", "..", "sub/..", "/.."])
def test_directories_without_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, out: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WriteError) as caught:
        OLD.write(Path(out))
    assert caught.value.code is Code.REFUSED


def test_directories_that_are_or_contain_special_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tmp_path / "home/me/project"
    (project / "sub").mkdir(parents=True)
    (tmp_path / "link").symlink_to(project)
    monkeypatch.setenv("HOME", str(tmp_path / "home/me"))
    monkeypatch.chdir(project / "sub")
    for path, why in [
        (tmp_path / "home/me", "is the home directory"),
        (tmp_path / "home", "contains the home directory"),
        (project / "sub", "is the working directory"),
        (project, "contains the working directory"),
    ]:
        error = refused(OLD, path)
        assert error.code is Code.REFUSED
        assert error.message == f"{path} {why}"
    monkeypatch.chdir("/")
    with pytest.raises(WriteError, match="is the directory") as caught:
        write(project, OLD.artifacts, OLD.manifest, protected=[tmp_path / "link"])
    assert caught.value.code is Code.REFUSED
    with pytest.raises(WriteError, match="contains the directory"):
        OLD.write(project, {project / "sub/forage.lock": b""})


def test_a_home_directory_that_does_not_exist(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "loop").symlink_to("loop")
    for home in ("/no/such/place", str(tmp_path / "loop"), "relative", ""):
        monkeypatch.setenv("HOME", home)
        OLD.write(tmp_path / "generated")
        NEW.write(tmp_path / "generated")


def test_a_link_in_the_place_of_the_tree(tmp_path: Path) -> None:
    OLD.write(tmp_path / "real")
    (tmp_path / "generated").symlink_to("real")
    error = refused(NEW, tmp_path / "generated")
    assert error.code is Code.SYMLINK
    assert str(tmp_path / "generated") in error.message
    (tmp_path / "dangling").symlink_to("nowhere")
    assert refused(NEW, tmp_path / "dangling").code is Code.SYMLINK


def test_a_file_in_the_place_of_the_tree(tmp_path: Path) -> None:
    (tmp_path / "generated").write_text("mine")
    assert refused(NEW, tmp_path / "generated").code is Code.NOT_A_DIRECTORY
    os.mkfifo(tmp_path / "fifo")
    assert refused(NEW, tmp_path / "fifo").code is Code.NOT_A_DIRECTORY
    assert refused(NEW, tmp_path / "generated/sub").code is Code.NOT_A_DIRECTORY


def test_nothing_to_put_the_tree_into(tmp_path: Path) -> None:
    error = refused(NEW, tmp_path / "no/generated")
    assert error.code is Code.MISSING_PARENT
    assert f"{tmp_path}/no" in error.message


def test_a_name_that_is_too_long(tmp_path: Path) -> None:
    for length in (250, 300):
        error = refused(NEW, tmp_path / ("x" * length))
        assert error.code is Code.IO
        assert "too long" in error.message


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        (["a", "a"], "a is made twice"),
        (["a", "a/b"], "a is both"),
        (["a/b/c", "a/b"], "a/b is both"),
        (["a", "A"], "A and a are one name"),
        (["a/x", "A/y"], "A and a are one name"),
        (["ss", "ß"], "ss and ß are one name"),
        (["\u00e9", "e\u0301"], "are one name"),
        (["manifest.json"], "is among the artifacts"),
        (["Manifest.JSON"], "are one name"),
        (["manifest.json/x"], "manifest.json is both"),
    ],
)
def test_names_that_cannot_stand_together(tmp_path: Path, paths: list[str], message: str) -> None:
    artifacts = [Artifact(path, b"") for path in paths]
    for call in (write, compare):
        with pytest.raises(WriteError) as caught:
            call(tmp_path / "generated", artifacts, b"{}")
        assert caught.value.code is Code.ARTIFACTS
        assert message in caught.value.message
    assert listed(tmp_path) == []


# --- Files that no build made


def foreign(out: Path) -> str:
    error = refused(NEW, out)
    assert error.code is Code.FOREIGN_FILES
    assert str(out) in error.message
    assert str(out) in error.hint
    return error.message


def test_files_of_others_are_kept(tmp_path: Path) -> None:
    out = tmp_path / "generated"
    OLD.write(out)
    (out / "run/mine.txt").write_text("mine")
    assert "1 entry that" in foreign(out)
    (out / "dir/deep").mkdir(parents=True)
    (out / "dir/deep/file").write_text("mine")
    assert foreign(out).endswith(": dir/, run/mine.txt")


def test_only_the_first_ten_are_named(tmp_path: Path) -> None:
    out = tmp_path / "generated"
    OLD.write(out)
    for number in range(12):
        (out / f"z{number:02}").touch()
    message = foreign(out)
    assert "12 entries" in message
    assert message.endswith("z08, z09 and 2 more")


def test_names_that_would_confuse_a_terminal(tmp_path: Path) -> None:
    out = tmp_path / "generated"
    OLD.write(out)
    Path(os.fsdecode(bytes(out) + b"/\x1b[2J\n\xff")).touch()
    assert foreign(out).endswith(": \\x1b[2J\\n\\xff")


def test_links_and_other_things_in_the_tree(tmp_path: Path) -> None:
    out = tmp_path / "generated"
    OLD.write(out)
    OLD.write(tmp_path / "other")
    (tmp_path / "secret").write_text("secret")
    (out / "a").unlink()
    (out / "a").symlink_to(tmp_path / "secret")
    (out / "run/x").unlink()
    (out / "run").rmdir()
    (out / "run").symlink_to(tmp_path / "other/run")
    os.mkfifo(out / "gone/pipe")
    (out / "kept").unlink()
    (out / "kept").mkdir()
    message = foreign(out)
    assert "a (a symbolic link)" in message
    assert "run (a symbolic link)" in message
    assert "gone/pipe (a device, pipe or socket)" in message
    assert "kept (a directory where a file belongs)" in message
    assert (tmp_path / "other/run/x").exists()


def test_a_file_where_a_directory_belongs(tmp_path: Path) -> None:
    out = tmp_path / "generated"
    OLD.write(out)
    (out / "more").write_text("mine")
    assert "more (a file where a directory belongs)" in foreign(out)


def test_a_directory_without_a_manifest(tmp_path: Path) -> None:
    out = tmp_path / "generated"
    out.mkdir()
    (out / "a").write_text("mine")
    message = foreign(out)
    assert "a (it has no manifest.json)" in message


def test_a_directory_with_a_manifest_of_something_else(tmp_path: Path) -> None:
    out = tmp_path / "generated"
    OLD.write(out)
    for content in (b'{"name": "app"}', b"", b"\0" * 600, HEAD[:30], HEAD):
        (out / "manifest.json").write_bytes(content)
        assert "manifest.json" in foreign(out)


def test_a_new_file_that_someone_else_has_already(tmp_path: Path) -> None:
    out = tmp_path / "generated"
    OLD.write(out)
    (out / "more").mkdir()
    (out / "more/c").write_text("mine")
    assert foreign(out).endswith(": more/c")
    # But nothing is lost if it is what would be written, or nothing.
    for content in ("c\n", ""):
        (out / "more/c").write_text(content)
        NEW.write(out)
        assert snapshot(out) == NEW.snapshot()
        OLD.write(out)
        (out / "more").mkdir()


def test_a_lost_or_emptied_manifest_is_made_again_if_all_else_is_right(tmp_path: Path) -> None:
    out = tmp_path / "generated"
    NEW.write(out)
    (out / "manifest.json").unlink()
    NEW.write(out)
    assert snapshot(out) == NEW.snapshot()
    # What a power loss leaves on ext4.
    (out / "manifest.json").write_bytes(b"")
    (out / "a").write_bytes(b"")
    NEW.write(out)
    assert snapshot(out) == NEW.snapshot()


def test_a_tree_of_a_newer_version(tmp_path: Path) -> None:
    out = tmp_path / "generated"
    NEW.write(out)
    text = (out / "manifest.json").read_text()
    (out / "manifest.json").write_text(text.replace('"schemaVersion": 1', '"schemaVersion": 2'))
    error = refused(OLD, out)
    assert error.code is Code.NEWER_MANIFEST
    assert "newer version" in error.hint


def test_a_merge_conflict_is_resolved_by_a_build(tmp_path: Path) -> None:
    out = tmp_path / "generated"
    NEW.write(out)
    new = NEW.manifest.decode().splitlines(keepends=True)
    old = OLD.manifest.decode().splitlines(keepends=True)
    merged = ["<<<<<<< HEAD\n", *old, "=======\n", *new, ">>>>>>> topic\n"]
    (out / "manifest.json").write_text("".join(merged))
    (out / "gone").mkdir()
    (out / "gone/b").write_text("b\n")
    (out / "a").write_text("<<<<<<< HEAD\nold\n=======\nnew\n>>>>>>> topic\n")
    result = NEW.write(out)
    assert Difference(
        "manifest.json", Kind.DAMAGED_MANIFEST, "has the conflict marks of a merge"
    ) in (result.differences)
    assert snapshot(out) == NEW.snapshot()


def test_something_appears_while_the_new_tree_is_staged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "generated"
    lock = tmp_path / "forage.lock"
    OLD.write(out, {lock: b"old"})
    real = staging.stage

    def stage(*arguments: object) -> None:
        real(*arguments)  # type: ignore[arg-type]
        (out / "run/mine.txt").write_text("mine")

    monkeypatch.setattr(staging, "stage", stage)
    with pytest.raises(WriteError, match=r"appeared.*run/mine\.txt") as caught:
        NEW.write(out, {lock: b"new"})
    assert caught.value.code is Code.FOREIGN_FILES
    (out / "run/mine.txt").unlink()
    assert snapshot(out) == OLD.snapshot()
    assert lock.read_bytes() == b"old"
    assert listed(tmp_path) == ["forage.lock", "generated"]


@pytest.mark.parametrize("first", [True, False])
def test_another_tree_appears_while_the_new_one_is_staged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, first: bool
) -> None:
    out = tmp_path / "work/generated"
    mine = Build({"mine": "mine"})
    out.parent.mkdir()
    mine.write(tmp_path / "mine")
    if not first:
        OLD.write(out)
    real = staging.stage

    def stage(*arguments: object) -> None:
        real(*arguments)  # type: ignore[arg-type]
        if not first:
            out.rename(tmp_path / "moved")
        (tmp_path / "mine").rename(out)

    monkeypatch.setattr(staging, "stage", stage)
    with pytest.raises(WriteError) as caught:
        NEW.write(out)
    assert caught.value.code is Code.BUSY
    assert snapshot(out) == mine.snapshot()
    assert listed(out.parent) == ["generated"]


def test_something_appears_while_the_old_tree_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "generated"
    OLD.write(out)
    real = staging.remove

    def remove(*arguments: object) -> list[str]:
        (tmp_path / ".generated.forage-new/run/mine.txt").write_text("mine")
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(staging, "remove", remove)
    with pytest.raises(WriteError, match=r"is in place.*run/mine\.txt") as caught:
        NEW.write(out)
    monkeypatch.undo()
    assert caught.value.code is Code.FOREIGN_FILES
    assert snapshot(out) == NEW.snapshot()
    # It is kept, and the next build tells of it until it is taken away.
    mine = tmp_path / ".generated.forage-new/run/mine.txt"
    assert refused(NEW, out).code is Code.FOREIGN_FILES
    mine.unlink()
    NEW.write(out)
    assert listed(tmp_path) == ["generated"]


# --- What killed runs leave


@pytest.mark.parametrize("name", [".generated.forage-new", ".generated.forage-old"])
def test_leftovers_that_are_not_ours(tmp_path: Path, name: str) -> None:
    out = tmp_path / "generated"
    left = tmp_path / name
    OLD.write(out)
    (tmp_path / "target").mkdir()
    (tmp_path / "target/a").write_text("mine")
    left.symlink_to("target")
    assert refused(NEW, out).code is Code.FOREIGN_FILES
    left.unlink()
    left.write_text("mine")
    assert refused(NEW, out).code is Code.FOREIGN_FILES
    left.unlink()
    left.mkdir()
    (left / "mine").write_text("mine")
    error = refused(NEW, out)
    assert error.code is Code.FOREIGN_FILES
    assert str(left) in error.message
    (left / "mine").unlink()
    (left / "a").symlink_to("../target/a")
    assert refused(NEW, out).code is Code.FOREIGN_FILES
    (left / "a").unlink()
    (left / "gone").symlink_to("../target")
    assert refused(NEW, out).code is Code.FOREIGN_FILES
    (left / "gone").unlink()
    NEW.write(out)
    assert listed(tmp_path) == ["generated", "target"]


def test_leftovers_of_another_version_of_the_tree(tmp_path: Path) -> None:
    """Known by their own manifest, or by nothing but their names."""
    out = tmp_path / "generated"
    other = Build({"quite/other": "x"})
    OLD.write(out)
    other.write(tmp_path / ".generated.forage-new")
    NEW.write(out)
    OLD.write(tmp_path / ".generated.forage-new")
    (tmp_path / ".generated.forage-new/manifest.json").write_text("")
    OLD.write(out)
    assert listed(tmp_path) == ["generated"]


def test_an_unchanged_tree_is_cleaned_up_beside_too(tmp_path: Path) -> None:
    out = tmp_path / "generated"
    OLD.write(out)
    NEW.write(tmp_path / ".generated.forage-new")
    before = times(out)
    assert OLD.write(out).status is Status.UNCHANGED
    assert listed(tmp_path) == ["generated"]
    assert times(out) == before


# --- Signals


def test_a_signal_stops_it_and_reaches_its_handler(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "generated"
    OLD.write(out)
    got: list[int] = []

    def interrupted(directory: int, name: str, content: bytes, mode: int) -> None:
        signal.raise_signal(signal.SIGTERM)
        create.create(directory, name, content, mode)

    def handler(number: int, _frame: object) -> None:
        got.append(number)

    before = signal.signal(signal.SIGTERM, handler)
    monkeypatch.setattr("forage_gen.write.staging.create", interrupted)
    try:
        with pytest.raises(WriteError) as caught:
            NEW.write(out)
        assert signal.getsignal(signal.SIGTERM) is handler
    finally:
        signal.signal(signal.SIGTERM, before)
    assert caught.value.code is Code.INTERRUPTED
    assert got == [signal.SIGTERM]
    assert snapshot(out) == OLD.snapshot()
    assert listed(tmp_path) == ["generated"]


def test_ctrl_c_is_a_keyboard_interrupt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:

    def interrupted(directory: int, name: str, content: bytes, mode: int) -> None:
        signal.raise_signal(signal.SIGINT)
        create.create(directory, name, content, mode)

    monkeypatch.setattr("forage_gen.write.staging.create", interrupted)
    with pytest.raises(KeyboardInterrupt):
        NEW.write(tmp_path / "generated")
    assert listed(tmp_path) == []


def test_an_ignored_signal_stays_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:

    def interrupted(directory: int, name: str, content: bytes, mode: int) -> None:
        signal.raise_signal(signal.SIGHUP)
        create.create(directory, name, content, mode)

    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    monkeypatch.setattr("forage_gen.write.staging.create", interrupted)
    try:
        NEW.write(tmp_path / "generated")
    finally:
        signal.signal(signal.SIGHUP, before)
    assert snapshot(tmp_path / "generated") == NEW.snapshot()
