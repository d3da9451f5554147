from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forage_gen.write.compare import Difference, Kind, compare, unified_diff
from forage_gen.write.errors import Code, WriteError
from tests.write.builder import TREES
from tests.write.support import Build, snapshot, times

if TYPE_CHECKING:
    from collections.abc import Callable

OLD, NEW = TREES["old"], TREES["new"]


def differences(out: Path, build: Build) -> list[tuple[str, str]]:
    before = times(out.parent)
    found = compare(out, build.artifacts, build.manifest)
    assert times(out.parent) == before
    assert found == sorted(found)
    return [(d.path, str(d.kind)) for d in found]


def test_a_tree_that_is_right(tmp_path: Path) -> None:
    NEW.write(tmp_path / "generated")
    assert differences(tmp_path / "generated", NEW) == []


def test_no_tree(tmp_path: Path) -> None:
    assert differences(tmp_path / "generated", NEW) == [("", "no-tree")]
    assert compare(tmp_path / "no/generated", NEW.artifacts, NEW.manifest) == [
        Difference("", Kind.NO_TREE)
    ]


def test_no_tree_because_a_build_was_stopped(tmp_path: Path) -> None:
    OLD.write(tmp_path / ".generated.forage-old")
    found = compare(tmp_path / "generated", NEW.artifacts, NEW.manifest)
    assert found == [
        Difference(
            "", Kind.NO_TREE, "a build was stopped; the next one puts the old tree back first"
        )
    ]


def test_something_else_in_the_place_of_the_tree(tmp_path: Path) -> None:
    out = tmp_path / "generated"
    NEW.write(tmp_path / "real")
    out.symlink_to("real")
    assert compare(out, NEW.artifacts, NEW.manifest) == [
        Difference("", Kind.NOT_REGULAR, "a symbolic link")
    ]
    with pytest.raises(WriteError) as caught:
        list(unified_diff(out, NEW.artifacts, NEW.manifest))
    assert caught.value.code is Code.SYMLINK
    out.unlink()
    out.write_text("")
    assert compare(out, NEW.artifacts, NEW.manifest) == [
        Difference("", Kind.NOT_REGULAR, "not a directory")
    ]
    with pytest.raises(WriteError) as caught:
        list(unified_diff(out, NEW.artifacts, NEW.manifest))
    assert caught.value.code is Code.NOT_A_DIRECTORY


def test_an_empty_directory(tmp_path: Path) -> None:
    (tmp_path / "generated").mkdir()
    assert differences(tmp_path / "generated", NEW) == [
        ("a", "missing"),
        ("kept", "missing"),
        ("manifest.json", "missing"),
        ("more/c", "missing"),
        ("run/x", "missing"),
    ]


def test_every_kind_at_once(tmp_path: Path) -> None:
    out = tmp_path / "generated"
    old = Build(
        {name: f"old {name}" for name in ("edited", "extra/x", "link", "missing", "mode", "stale")}
        | {"extra/edited": "", "same": "", "empty/x": ""}
    )
    new = Build(
        {name: f"old {name}" for name in ("edited", "link", "missing", "mode")}
        | {"stale": "new", "same": "", "unnamed": "new", "added": "new"}
    )
    old.write(out)
    (out / "edited").write_text("by hand")
    (out / "extra/edited").write_text("by hand")
    (out / "link").unlink()
    (out / "link").symlink_to("same")
    (out / "missing").unlink()
    (out / "mode").chmod(0o755)
    (out / "unnamed").write_text("mine")
    (out / "unknown").mkdir()
    (out / "unknown/deep").write_text("mine")
    (out / "empty/x").unlink()
    assert differences(out, new) == [
        ("added", "missing"),
        ("edited", "edited"),
        ("empty/", "extra"),
        ("extra/edited", "edited"),
        ("extra/edited", "extra"),
        ("extra/x", "extra"),
        ("link", "not-regular"),
        ("manifest.json", "stale"),
        ("missing", "missing"),
        ("mode", "mode"),
        ("stale", "stale"),
        ("unknown/", "unknown"),
        ("unnamed", "unknown"),
    ]


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "damaged-manifest"),
        (b"{}", "foreign-manifest"),
        (b'{"generator": {"name": "forage-gen"}, "schemaVersion": 2}', "newer-manifest"),
    ],
)
def test_manifests_that_cannot_be_used(tmp_path: Path, content: bytes, kind: str) -> None:
    out = tmp_path / "generated"
    NEW.write(out)
    (out / "manifest.json").write_bytes(content)
    (out / "a").write_text("who knows")
    assert differences(out, NEW) == [("a", "unknown"), ("manifest.json", kind)]
    (out / "manifest.json").unlink()
    (out / "manifest.json").mkdir()
    assert differences(out, NEW) == [("a", "unknown"), ("manifest.json", "not-regular")]


NOT_OURS = ["not-regular"]


def instead(make: Callable[[Path], object]) -> Callable[[Path], None]:
    def act(path: Path) -> None:
        path.unlink()
        make(path)

    return act


# What can happen to a file of a tree, and what is then to be said of it if a new build would
# make it as it was, otherwise, or not at all.
ACTIONS: dict[str, tuple[Callable[[Path], object], list[str], list[str], list[str]]] = {
    "nothing": (lambda _: None, [], ["stale"], ["extra"]),
    "edit": (lambda p: p.write_bytes(b"by hand"), ["edited"], ["edited"], ["edited", "extra"]),
    "delete": (lambda p: p.unlink(), ["missing"], ["missing"], []),
    "chmod": (lambda p: p.chmod(0o755), ["mode"], ["stale"], ["extra"]),
    "link": (instead(lambda p: p.symlink_to("x")), NOT_OURS, NOT_OURS, NOT_OURS),
    "pipe": (instead(os.mkfifo), NOT_OURS, NOT_OURS, NOT_OURS),
    "directory": (instead(Path.mkdir), NOT_OURS, NOT_OURS, NOT_OURS),
}


@given(
    st.dictionaries(
        st.sampled_from([f"{d}{n}" for d in ("", "d/", "d/e/", "f/") for n in "xyz"]),
        st.tuples(st.sampled_from(sorted(ACTIONS)), st.sampled_from(["same", "other", "none"])),
        min_size=1,
    )
)
def test_what_is_said_of_what_was_done(plan: dict[str, tuple[str, str]]) -> None:
    old = Build({path: path for path in plan})
    new = Build(
        {p: p if then == "same" else "other" for p, (_, then) in plan.items() if then != "none"}
    )
    expected = {("manifest.json", "stale")} if new.manifest != old.manifest else set()
    with tempfile.TemporaryDirectory() as name:
        out = Path(name, "generated")
        old.write(out)
        for path, (action, then) in plan.items():
            act, *said = ACTIONS[action]
            act(out / path)
            expected |= {(path, kind) for kind in said[["same", "other", "none"].index(then)]}
        found = differences(out, new)
        # A directory that no file needs any more is told of where its files do not do that.
        assert {pair for pair in found if pair[0][-1] != "/"} == expected
        assert all(kind == "extra" for path, kind in found if path[-1] == "/")
        # A build does what was said: it refuses, or it changes the tree to what it should be.
        if "not-regular" in {kind for _, kind in found}:
            before = snapshot(out)
            with pytest.raises(WriteError):
                new.write(out)
            assert snapshot(out) == before
        else:
            untouched = times(out)
            result = new.write(out)
            assert [(d.path, str(d.kind)) for d in result.differences] == found
            assert (times(out) == untouched) == (not found)
            assert snapshot(out) == new.snapshot()
            assert differences(out, new) == []


def test_a_tree_of_many_files_is_compared_as_fast_as_it_is_read(tmp_path: Path) -> None:
    """Not a benchmark: it would take minutes if any step were not linear."""
    out = tmp_path / "generated"
    old = Build({f"{i % 100}/{i}": f"old {i}\n" for i in range(4000)})
    new = Build({f"{i % 100}/{i}": f"new {i}\n" if i % 2 else f"old {i}\n" for i in range(4000)})
    old.write(out)
    assert len(compare(out, new.artifacts, new.manifest)) == 2001
    assert (
        sum(1 for line in unified_diff(out, new.artifacts, new.manifest) if line[0] == "d") == 2001
    )
    shutil.rmtree(out)
