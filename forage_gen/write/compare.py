"""Compares a tree on disk with what a build would write. Nothing is changed."""

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from forage_gen.artifact import Artifact
from forage_gen.write import review as reviewing
from forage_gen.write import scan
from forage_gen.write.errors import Code, WriteError, reported, show
from forage_gen.write.names import Names, checked
from forage_gen.write.review import Difference, Kind, Review
from forage_gen.write.scan import Entry, Shape, aside_of
from forage_gen.write.textdiff import Side, file_diff

__all__ = ["Difference", "Kind", "compare", "unified_diff"]

_ATTEMPTS: Final = 10
_SYMLINK: Final = "a symbolic link"
_STOPPED: Final = "a build was stopped; the next one puts the old tree back first"
_IN_DIFF: Final = frozenset(
    {
        Kind.MISSING,
        Kind.STALE,
        Kind.EDITED,
        Kind.EXTRA,
        Kind.MODE,
        Kind.DAMAGED_MANIFEST,
    }
)


def compare(out: Path, artifacts: Sequence[Artifact], manifest_bytes: bytes) -> list[Difference]:
    """How the tree at `out` differs from what a build would write, sorted by path.

    It is empty exactly where `write` would change nothing.

    Raises:
        WriteError: The tree cannot be read, or keeps changing.
    """
    files = checked(artifacts, manifest_bytes)
    with ExitStack() as stack:
        found = _reviewed(out, files, stack)
        return [found] if isinstance(found, Difference) else list(found.review.differences)


def unified_diff(
    out: Path, artifacts: Sequence[Artifact], manifest_bytes: bytes, *, binary: bool = False
) -> Iterator[str]:
    """What a build would change at `out`, as `git diff` would tell it.

    It can be applied with `git apply` or `patch -p1` in `out`. (GNU patch removes files only
    at its end, so it cannot turn a file into a directory of that name, or back.) What a build
    would refuse to touch is not in it; `compare` tells of that.

    Args:
        out: The tree.
        artifacts: The files, without the manifest.
        manifest_bytes: The manifest, from `manifest.render`.
        binary: As in `textdiff.file_diff`.

    Yields:
        Lines with their end.

    Raises:
        WriteError: The tree cannot be read, keeps changing, or is no directory.
    """
    files = checked(artifacts, manifest_bytes)
    with ExitStack() as stack:
        found = _reviewed(out, files, stack)
        if isinstance(found, _Found):
            yield from _tree_diff(out, found, files, binary=binary)
        elif found.kind is Kind.NO_TREE:
            for path in sorted(files):
                yield from file_diff(path, None, _side(files[path]), binary=binary)
        else:
            raise WriteError(
                Code.SYMLINK if found.detail == _SYMLINK else Code.NOT_A_DIRECTORY,
                f"{show(out)} is {found.detail}",
                "Remove it, or name the directory that you mean.",
            )


@dataclass(frozen=True, slots=True)
class _Found:
    root: int
    review: Review


def _reviewed(out: Path, files: Mapping[str, Artifact], stack: ExitStack) -> _Found | Difference:
    """Opens and reviews a tree, or tells why there is none.

    A build may switch the tree meanwhile and remove the files under our eyes. It does that
    only once another tree is in place, so then we look again. There is no waiting for the
    lock: who compares may have it.
    """
    names = Names.of(files)
    for _ in range(_ATTEMPTS):
        with reported(out, "read"):
            absent = _absent(out)
            if absent is not None:
                return absent
            root = scan.open_tree(None, str(out))
            try:
                stack.callback(os.close, root)
                review = reviewing.review(root, files, names)
            except OSError:
                if _is_at(out, root):
                    raise
                continue
            if _is_at(out, root):
                return _Found(root, review)
    raise WriteError(
        Code.BUSY,
        f"{show(out)} was replaced again and again while it was read",
        "See what does this, and run it again.",
    )


def _absent(out: Path) -> Difference | None:
    try:
        shape = scan.shape_of(out.lstat().st_mode)
    except FileNotFoundError:
        stopped = out.name not in {"", ".."} and aside_of(out).is_dir()
        return Difference("", Kind.NO_TREE, _STOPPED if stopped else "")
    match shape:
        case Shape.DIRECTORY:
            return None
        case Shape.SYMLINK:
            return Difference("", Kind.NOT_REGULAR, _SYMLINK)
        case _:
            return Difference("", Kind.NOT_REGULAR, "not a directory")


def _is_at(out: Path, root: int) -> bool:
    try:
        return os.path.samestat(out.lstat(), os.fstat(root))
    except FileNotFoundError:
        return False


def _side(artifact: Artifact) -> Side:
    return Side(artifact.content, artifact.executable)


def _tree_diff(
    out: Path, found: _Found, files: Mapping[str, Artifact], *, binary: bool
) -> Iterator[str]:
    changed = sorted(
        {d.path for d in found.review.differences if d.kind in _IN_DIFF and d.path[-1:] != "/"},
        # Removed ones first: a file can be in the way of a new directory of its name.
        key=lambda path: (path in files, path),
    )
    for path in changed:
        old = None
        if path in found.review.ours.files:
            with reported(out / path, "read"):
                old = _read(found.root, path)
        new = files.get(path)
        yield from file_diff(path, old, None if new is None else _side(new), binary=binary)


def _read(root: int, path: str) -> Side | None:
    directory = os.dup(root)
    try:
        above, _, name = path.rpartition("/")
        for part in above.split("/") if above else ():
            below = scan.open_tree(directory, part)
            os.close(directory)
            directory = below
        status, content = scan.read(Entry(directory, name, path, Shape.FILE))
    finally:
        os.close(directory)
    return None if content is None else Side(content, bool(status.st_mode & stat.S_IXUSR))
