from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from forage_gen.write.compare import unified_diff
from forage_gen.write.textdiff import Side, file_diff
from tests.requirements import require
from tests.write.builder import TREES
from tests.write.support import Build, snapshot

if TYPE_CHECKING:
    from collections.abc import Iterable

OLD, NEW = TREES["old"], TREES["new"]

EMPTY = "0000000000000000000000000000000000000000..e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"


def lines(path: str, old: str | bytes | None, new: str | bytes | None, **how: bool) -> list[str]:
    def side(content: str | bytes | None) -> Side | None:
        if content is None:
            return None
        return Side(content.encode() if isinstance(content, str) else content, executable=False)

    return list(file_diff(path, side(old), side(new), binary=how.get("binary", False)))


def test_a_changed_file() -> None:
    assert lines("d/f", "1\n2\n3\n4\n5\n", "1\n2\n3\n4\nfive\n") == [
        "diff --git a/d/f b/d/f\n",
        "--- a/d/f\n",
        "+++ b/d/f\n",
        "@@ -2,4 +2,4 @@\n",
        " 2\n",
        " 3\n",
        " 4\n",
        "-5\n",
        "+five\n",
    ]


def test_two_hunks_and_one() -> None:
    numbers = [f"{i}\n" for i in range(20)]
    for distance, hunks in ((7, 1), (8, 2)):
        changed = list(numbers)
        changed[3] = changed[3 + distance] = "x\n"
        found = lines("f", "".join(numbers), "".join(changed))
        assert sum(line.startswith("@@") for line in found) == hunks


def test_a_new_and_a_removed_file() -> None:
    assert lines("f", None, "x\n") == [
        "diff --git a/f b/f\n",
        "new file mode 100644\n",
        "--- /dev/null\n",
        "+++ b/f\n",
        "@@ -0,0 +1 @@\n",
        "+x\n",
    ]
    assert lines("f", "x\n", None) == [
        "diff --git a/f b/f\n",
        "deleted file mode 100644\n",
        "--- a/f\n",
        "+++ /dev/null\n",
        "@@ -1 +0,0 @@\n",
        "-x\n",
    ]
    assert lines("f", None, "") == [
        "diff --git a/f b/f\n",
        "new file mode 100644\n",
        f"index {EMPTY}\n",
    ]


def test_no_line_feed_at_the_end() -> None:
    assert lines("f", "x", "x\n")[4:] == ["-x", "\n\\ No newline at end of file\n", "+x\n"]
    assert lines("f", "x\n", "x")[4:] == ["-x\n", "+x", "\n\\ No newline at end of file\n"]


def test_modes() -> None:
    old, new = Side(b"x", executable=False), Side(b"x", executable=True)
    assert list(file_diff("f", old, new, binary=False)) == [
        "diff --git a/f b/f\n",
        "old mode 100644\n",
        "new mode 100755\n",
    ]
    assert list(file_diff("f", old, old, binary=True)) == []


def test_only_a_line_feed_ends_a_line() -> None:
    text = "a\rb\x0bc\x0cd\x1ce\x85f\u2028g\n"
    assert lines("f", None, text)[5:] == ["+" + text]


@pytest.mark.parametrize("content", [b"a\0b\n", b"\xff\n", b"\xed\xa0\x80\n"])
def test_what_is_not_text(content: bytes) -> None:
    assert lines("f", b"", content)[1:] == ["Binary files a/f and b/f differ\n"]
    assert lines("f", content, None)[2:] == ["Binary files a/f and /dev/null differ\n"]
    assert "GIT binary patch\n" in lines("f", b"", content, binary=True)


def test_names_are_quoted_as_git_does(tmp_path: Path) -> None:
    require("git")
    names = ["plain", "with blank", "ümläut", 'quo"te', "back\\slash", "ends with blank "]
    git = ["git", "-C", str(tmp_path), "-c", "core.quotePath=true"]
    subprocess.run([*git, "init", "-q"], check=True)
    for name in names:
        (tmp_path / name).write_text("x\n")
    subprocess.run([*git, "add", "-A"], check=True)
    done = subprocess.run(
        [*git, "diff", "--cached", "--full-index"], capture_output=True, text=True, check=True
    )
    ours = [line for name in sorted(names) for line in lines(name, None, "x\n")]
    theirs = [line for line in done.stdout.splitlines(keepends=True) if line[:5] != "index"]
    # The one difference: GNU patch must be told where a name with a blank ends.
    ours = [
        line.replace('"', "") if line[:5] == "diff " and "blank" in line else line for line in ours
    ]
    assert sorted(ours) == sorted(theirs)


# --- The real programs read it


def apply(command: list[str], directory: Path, diff: Iterable[str]) -> None:
    done = subprocess.run(
        command,
        cwd=directory,
        input="".join(diff).encode(),
        capture_output=True,
        check=False,
        # Not the repository that these tests are in.
        env=os.environ | {"GIT_CEILING_DIRECTORIES": str(directory.parent)},
    )
    assert done.returncode == 0, (done.stdout, done.stderr)


GIT = ["git", "apply", "--whitespace=nowarn"]
PATCH = ["patch", "-p1", "-s", "--no-backup-if-mismatch"]

# Few different lines, so that they come again, move, and are common.
TEXT = st.builds(
    lambda lines, end: "\n".join(lines) + end,
    st.lists(
        st.sampled_from(["", " ", "a", "b", "c", "-", "+x", "@@ -1 +1 @@", "ü\r", "}"]), max_size=30
    ),
    st.sampled_from(["", "\n"]),
).map(str.encode)
NAME = st.sampled_from(["a", "b", "c", "with blank", "ü", 'q"', "-x", "b.orig"])
PATH = st.lists(NAME, min_size=1, max_size=3).map("/".join)


def trees(content: st.SearchStrategy[bytes]) -> st.SearchStrategy[dict[str, bytes]]:
    """Files; a name that ends in `*` is executable."""

    def fits(files: dict[str, tuple[bytes, bool]]) -> dict[str, bytes]:
        above = {str(parent) for path in files for parent in Path(path).parents}
        return {
            path + "*" * executable: content
            for path, (content, executable) in files.items()
            if path not in above
        }

    return st.dictionaries(PATH, st.tuples(content, st.booleans()), max_size=8).map(fits)


def names(files: Iterable[str]) -> set[str]:
    return {path.removesuffix("*") for path in files}


def parents(files: Iterable[str]) -> set[str]:
    return {str(parent) for path in files for parent in Path(path).parents}


def check_applied(old: Build, new: Build, command: list[str], *, binary: bool) -> None:
    with tempfile.TemporaryDirectory() as name:
        out, copy = Path(name, "generated"), Path(name, "copy")
        old.write(out)
        shutil.copytree(out, copy)
        diff = list(unified_diff(out, new.artifacts, new.manifest, binary=binary))
        assert diff == list(unified_diff(out, new.artifacts, new.manifest, binary=binary))
        assert snapshot(out) == old.snapshot()
        if diff:
            apply(command, copy, diff)
        assert snapshot(copy) == new.snapshot()
        assert bool(diff) == (old.manifest != new.manifest)


@given(trees(TEXT), trees(TEXT))
def test_patch_makes_the_new_tree(old: dict[str, bytes], new: dict[str, bytes]) -> None:
    require("patch")
    # GNU patch removes files only when all else is done.
    assume(not (parents(old) & names(new) or parents(new) & names(old)))
    check_applied(Build(old), Build(new), PATCH, binary=False)


@given(trees(TEXT | st.binary(max_size=200)), trees(TEXT | st.binary(max_size=200)))
def test_git_makes_the_new_tree(old: dict[str, bytes], new: dict[str, bytes]) -> None:
    require("git")
    check_applied(Build(old), Build(new), GIT, binary=True)


@settings(max_examples=300)
@given(TEXT, TEXT)
def test_patch_makes_the_new_file(old: bytes, new: bytes) -> None:
    require("patch")
    with tempfile.TemporaryDirectory() as name:
        Path(name, "f").write_bytes(old)
        if old != new:
            apply(PATCH, Path(name), lines("f", old, new))
            assert Path(name, "f").read_bytes() == new


def test_a_large_binary_file(tmp_path: Path) -> None:
    require("git")
    content = bytes(range(256)) * 1000
    (tmp_path / "f").write_bytes(b"\0")
    apply(GIT, tmp_path, lines("f", b"\0", content, binary=True))
    assert (tmp_path / "f").read_bytes() == content


def test_from_nothing(tmp_path: Path) -> None:
    require("git", "patch")
    diff = list(unified_diff(tmp_path / "generated", NEW.artifacts, NEW.manifest))
    for command in (GIT, PATCH):
        copy = tmp_path / command[0]
        copy.mkdir()
        apply(command, copy, diff)
        assert snapshot(copy) == NEW.snapshot()


def test_changes_by_hand_are_taken_back(tmp_path: Path) -> None:
    require("git")
    out = tmp_path / "generated"
    NEW.write(out)
    (out / "a").write_text("by hand\n")
    (out / "kept").unlink()
    (out / "run/x").chmod(0o644)
    (out / "manifest.json").write_text("")
    (out / "mine").write_text("mine")
    diff = list(unified_diff(out, NEW.artifacts, NEW.manifest))
    # Without its manifest, nothing tells that this one is ours.
    assert not any("mine" in line or "by hand" in line for line in diff)
    (out / "manifest.json").write_bytes(NEW.manifest)
    diff = list(unified_diff(out, NEW.artifacts, NEW.manifest))
    assert not any("mine" in line for line in diff)
    apply(GIT, out, diff)
    (out / "mine").unlink()
    assert snapshot(out) == NEW.snapshot()


def test_every_other_of_many_lines_changed() -> None:
    """As in a manifest of many files. With difflib alone this takes minutes."""
    old = "".join(f"{i}\nold {i}\n" for i in range(60_000))
    new = "".join(f"{i}\nnew {i}\n" for i in range(60_000))
    start = time.monotonic()
    found = lines("f", old, new)
    assert time.monotonic() - start < 20
    assert len(found) == 4 + 3 * 60_000


def test_many_lines_that_all_are_alike() -> None:
    found = lines("f", "x\n" * 100_000, "y\n" * 5 + "x\n" * 90_000 + "y\n" * 5)
    assert found[3] == "@@ -1,100000 +1,90010 @@\n"


def test_stable() -> None:
    assert "".join(lines("f", "a\nb\nc\n", "c\na\nb\n")) == (
        "diff --git a/f b/f\n--- a/f\n+++ b/f\n@@ -1,3 +1,3 @@\n+c\n a\n b\n-c\n"
    )
