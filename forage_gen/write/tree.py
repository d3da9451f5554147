"""Writes a tree: all of it or nothing.

The new tree is staged beside the old one, as `.NAME.forage-new`. One call of renameat2(2)
with RENAME_EXCHANGE switches the two, and the old one is removed. At every moment `NAME`
is the old tree or the new one. What a killed run leaves is removed by the next.

Some file systems cannot exchange two names (EINVAL: NFS, most of FUSE; ENOSYS: kernels
before 3.15). There the old tree is renamed to `.NAME.forage-old`, and the new one to
`NAME`. Between these two calls there is no tree. A run that is killed exactly there leaves
both trees whole under their hidden names; the next run first renames the old one back, and
then builds. So on such a file system a reader can for an instant find no tree, but never
half of one.

Two builds keep out of each other's way with a lock on the directory above (`locking`).
"""

import errno
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from forage_gen.artifact import Artifact
from forage_gen.write import review as reviewing
from forage_gen.write import scan, staging, syscalls
from forage_gen.write.companions import Companions
from forage_gen.write.errors import Code, WriteError, from_os, reported, show
from forage_gen.write.locking import Hold, OnWait, hold
from forage_gen.write.names import Names, checked
from forage_gen.write.review import Difference, Kind, Review
from forage_gen.write.scan import Shape
from forage_gen.write.signals import Signals

_UNSUPPORTED: Final = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP})
_SHOWN: Final = 10


class Status(StrEnum):
    """What `write` did to the tree."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class WriteResult:
    """What `write` did.

    Attributes:
        status: What became of the tree.
        differences: How the tree on disk differed before. A `missing` file was added, a
            `stale` one replaced, an `extra` one removed.
        companions: The companions that were replaced.
    """

    status: Status
    differences: tuple[Difference, ...]
    companions: tuple[Path, ...]

    @property
    def edited(self) -> tuple[str, ...]:
        """The files changed by hand whose changes are now gone."""
        return tuple(d.path for d in self.differences if d.kind is Kind.EDITED)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a tree stands: `name` in the open directory `parent`."""

    out: Path
    parent: int

    @property
    def name(self) -> str:
        return self.out.name

    @property
    def new(self) -> str:
        return scan.staging_of(self.out).name

    @property
    def aside(self) -> str:
        return scan.aside_of(self.out).name

    def beside(self, name: str) -> Path:
        return self.out.with_name(name)


@dataclass(frozen=True, slots=True)
class _Old:
    """The tree that is there."""

    root: int
    review: Review


def write(  # noqa: PLR0913 -- all but three have a default and are only named
    out: Path,
    artifacts: Sequence[Artifact],
    manifest_bytes: bytes,
    *,
    companions: Mapping[Path, bytes] | None = None,
    protected: Iterable[Path] = (),
    held: Hold | None = None,
    on_wait: OnWait | None = None,
    durable: bool = True,
) -> WriteResult:
    """Makes `out` a tree of exactly these files. All of it, or nothing is changed.

    Files changed by hand are replaced, and named in the result. A file that no build made
    is never replaced or deleted. If all is right already, nothing is written at all.

    A signal that ends the program (SIGINT, SIGTERM, SIGHUP) is held back until nothing of
    this is left half done.

    Args:
        out: The directory of the tree. The one above it must exist.
        artifacts: The files, without the manifest.
        manifest_bytes: The manifest, from `manifest.render`.
        companions: Files outside the tree that are replaced just before it is, once all of
            it is staged. If the tree cannot be switched then, they are put back. Only a
            kill or a power loss between the two leaves new companions with the old tree.
        protected: Directories that `out` must not be, nor contain. The home directory, the
            working directory and those of the companions always are.
        held: The lock, if the caller has it already, on the directory above `out` and on
            those of the companions.
        on_wait: Called if another build has the lock and must be waited for.
        durable: Whether a power loss, too, leaves the old tree or the new one. Without it,
            files that were just written may be found empty. It costs one syncfs(2): 0.05 s
            for 6,000 files on an idle SSD, and longer while others write much to the same
            file system.

    Raises:
        WriteError: The tree was not written, and is as before. There is one exception,
            which the message then tells: the new tree is complete and in place, but the
            old one could not be removed.
    """
    files = checked(artifacts, manifest_bytes)
    names = Names.of(files)
    wanted = companions or {}
    if out.name in {"", ".."}:
        raise _refused(out, "has no name of its own")
    with ExitStack() as stack:
        around = {out.parent, *(path.parent for path in wanted)}
        lock = held or stack.enter_context(hold(sorted(around), on_wait))
        place = _Place(out, lock.descriptor(out.parent))
        _repair(place, names)
        beside = Companions.look(lock, wanted)
        old = _open_old(place, stack, (*protected, *around - {out.parent}), files, names)
        if old is not None:
            _refuse_foreign(place.out, old.review.differences)
        differences = old.review.differences if old else (Difference("", Kind.NO_TREE),)
        if differences:
            _refuse_locked(place.out, old)
            _replace(place, old, files, beside, durable=durable)
        elif beside.paths:
            _replace_companions(beside, durable=durable)
        status = (Status.UPDATED if old else Status.CREATED) if differences else Status.UNCHANGED
        return WriteResult(status, differences, beside.paths)


def replace_files(files: Mapping[Path, bytes], held: Hold) -> tuple[Path, ...]:
    """Replaces single files, all of them or none. What is right already is not written.

    Args:
        files: The files, with their new contents.
        held: The lock on the directories that they are in.

    Returns:
        Those that were replaced.

    Raises:
        WriteError: One cannot be replaced; all are as before.
    """
    beside = Companions.look(held, files)
    if beside.paths:
        _replace_companions(beside, durable=True)
    return beside.paths


# --- Before: is it a place to write to, and is what is there ours?


def _refused(out: Path, why: str) -> WriteError:
    return WriteError(
        Code.REFUSED,
        f"{show(out)} {why}",
        "The generated tree is all of its directory. Choose one of its own for it.",
    )


def _open_old(
    place: _Place,
    stack: ExitStack,
    protected: Iterable[Path],
    files: Mapping[str, Artifact],
    names: Names,
) -> _Old | None:
    with reported(place.out, "look at"):
        status = scan.look(place.parent, place.name)
    if status is None:
        return None
    match scan.shape_of(status.st_mode):
        case Shape.SYMLINK:
            raise WriteError(
                Code.SYMLINK,
                f"{show(place.out)} is a symbolic link",
                "The tree is never written through a link. Remove it, or name the place it "
                "leads to.",
            )
        case Shape.DIRECTORY:
            pass
        case _:
            raise WriteError(
                Code.NOT_A_DIRECTORY,
                f"{show(place.out)} is not a directory",
                "Move it away, or choose another directory.",
            )
    with reported(place.out, "read"):
        root = scan.open_tree(place.parent, place.name)
        stack.callback(os.close, root)
        _refuse_protected(place.out, os.fstat(root), protected)
        return _Old(root, reviewing.review(root, files, names))


def _refuse_protected(out: Path, status: os.stat_result, protected: Iterable[Path]) -> None:
    special = [(path, f"the directory {show(path)}") for path in protected]
    # RuntimeError: no home directory is known. OSError: the working directory is gone.
    with suppress(RuntimeError):
        special.append((Path.home(), "the home directory"))
    with suppress(OSError):
        special.append((Path.cwd(), "the working directory"))
    for path, what in special:
        for depth, directory in enumerate(_ancestry(path)):
            if os.path.samestat(status, directory):
                raise _refused(out, f"is {what}" if depth == 0 else f"contains {what}")


def _ancestry(path: Path) -> Iterator[os.stat_result]:
    """The directory, the one it is in, and so on up to the root, as far as they can be seen."""
    # RuntimeError: symbolic links that go round in circles.
    with suppress(OSError, RuntimeError):
        resolved = path.resolve()
        for directory in (resolved, *resolved.parents):
            yield directory.stat()


def _some(paths: Sequence[str]) -> str:
    text = ", ".join(show(path) for path in paths[:_SHOWN])
    more = len(paths) - _SHOWN
    return text if more <= 0 else f"{text} and {more} more"


def _refuse_foreign(out: Path, differences: Sequence[Difference]) -> None:
    newer = [d for d in differences if d.kind is Kind.NEWER_MANIFEST]
    if newer:
        raise WriteError(
            Code.NEWER_MANIFEST,
            f"{show(out / newer[0].path)} {newer[0].detail}",
            "A newer version of forage-gen made this tree. Use that one, or remove the tree.",
        )
    foreign = [d for d in differences if d.kind.foreign]
    if not foreign:
        return
    notes = [f"{d.path} {d.detail}" for d in differences if d.path == "manifest.json" and d.detail]
    if Difference("manifest.json", Kind.MISSING) in differences:
        notes.append("it has no manifest.json")
    raise WriteError(
        Code.FOREIGN_FILES,
        f"{show(out)} has {_count(len(foreign), 'entry', 'entries')} that forage-gen did not make"
        f" and would have to delete: {_some([d.path + _is(d) for d in foreign])}"
        + "".join(f" ({note})" for note in notes),
        f"Move what you want to keep out of {show(out)} and remove the rest, or choose another "
        "directory.",
    )


def _is(difference: Difference) -> str:
    return f" ({difference.detail})" if difference.kind is Kind.NOT_REGULAR else ""


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _refuse_locked(out: Path, old: _Old | None) -> None:
    """Finds now what would only be found when the old tree is removed, after the switch."""
    if old is None:
        return
    if os.fstatvfs(old.root).f_flag & os.ST_RDONLY:
        raise from_os(OSError(errno.EROFS, ""), out, "replace")
    for path in (".", *sorted(old.review.ours.directories)):
        with reported(out / path, "replace files in"):
            if not os.access(path, os.W_OK | os.X_OK, dir_fd=old.root, effective_ids=True):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


# --- What a killed run left


def _repair(place: _Place, names: Names) -> None:
    with reported(place.out, "clear up beside"):
        there = scan.look(place.parent, place.name)
        aside = scan.look(place.parent, place.aside)
        if there is None and aside is not None and scan.shape_of(aside.st_mode) is Shape.DIRECTORY:
            # It was killed between the two renames. Both trees are whole; undo.
            os.rename(place.aside, place.name, src_dir_fd=place.parent, dst_dir_fd=place.parent)
            aside = None
        if aside is not None:
            _clear(place, place.aside, names)
        if scan.look(place.parent, place.new) is not None:
            _clear(place, place.new, names)


def _clear(place: _Place, name: str, names: Names) -> None:
    """Removes a tree that a killed run left, if it has nothing but what we put there."""
    status = scan.look(place.parent, name)
    if status is None or scan.shape_of(status.st_mode) is not Shape.DIRECTORY:
        raise WriteError(
            Code.FOREIGN_FILES,
            f"{show(place.beside(name))} is not the directory that forage-gen makes there",
            "It needs this name while it builds. Move away what has it.",
        )
    root = scan.open_tree(place.parent, name)
    try:
        content = reviewing.read_manifest(root)
        known = names | reviewing.recorded_names(content) | _names_in_place(place)
        strange = _strangers(root, known)
    finally:
        os.close(root)
    strange = strange or staging.remove(place.parent, name, known)
    if strange:
        raise WriteError(
            Code.FOREIGN_FILES,
            f"{show(place.beside(name))} is left from a build that was stopped, and has "
            f"{_count(len(strange), 'entry', 'entries')} that forage-gen did not make: "
            f"{_some(sorted(strange))}",
            "Move what you want to keep out of it, and remove it.",
        )


def _names_in_place(place: _Place) -> Names:
    with suppress(OSError):
        root = scan.open_tree(place.parent, place.name)
        try:
            return reviewing.recorded_names(reviewing.read_manifest(root))
        finally:
            os.close(root)
    return Names.of(())


def _strangers(root: int, known: Names) -> list[str]:
    return [
        entry.path
        for entry in scan.walk(root, known.directories)
        if not (
            (entry.shape is Shape.FILE and entry.path in known.files)
            or (entry.shape is Shape.DIRECTORY and entry.path in known.directories)
        )
    ]


# --- The change itself


def _replace(
    place: _Place,
    old: _Old | None,
    files: Mapping[str, Artifact],
    beside: Companions,
    *,
    durable: bool,
) -> None:
    with Signals() as signals:
        try:
            _stage(place, old, files, beside, signals)
            if durable:
                _sync(place, beside)
            signals.check()
            left = _switch_all(place, old, beside)
        except BaseException:
            # What failed first is what matters; the next run finds what cannot be removed.
            with suppress(OSError):
                staging.remove(place.parent, place.new, Names.of(files))
            with suppress(WriteError):
                beside.clear()
            raise
        beside.clear()
        if durable:
            _sync_directories(place.out, (place.parent, *beside.directories))
        if old is not None:
            _remove_old(place, left, old)


def _stage(
    place: _Place,
    old: _Old | None,
    files: Mapping[str, Artifact],
    beside: Companions,
    signals: Signals,
) -> None:
    target = staging.Target(place.parent, place.new, str(place.beside(place.new)))
    source = None if old is None else staging.Source(old.root, old.review.same)
    staging.stage(target, files, source, signals)
    beside.stage()


def _sync(place: _Place, beside: Companions) -> None:
    by_device = {os.fstat(d).st_dev: d for d in (*beside.directories, place.parent)}
    with reported(place.out, "write"):
        for descriptor in by_device.values():
            syscalls.sync_file_system(descriptor)


def _sync_directories(out: Path, directories: Iterable[int]) -> None:
    for descriptor in sorted(set(directories)):
        try:
            os.fsync(descriptor)
        except OSError as error:
            # fsync(2): a file system that has nothing to sync in a directory says EINVAL.
            if error.errno not in _UNSUPPORTED:
                raise from_os(error, out, "make lasting") from error


def _switch_all(place: _Place, old: _Old | None, beside: Companions) -> str:
    try:
        beside.install()
        return _switch(place, old)
    except BaseException:
        beside.put_back()
        raise


def _switch(place: _Place, old: _Old | None) -> str:
    """Puts the new tree in place.

    Returns:
        The name that the old tree has now; the one of the new tree, now free, without one.
    """
    if old is None:
        with reported(place.out, "make"):
            _move_in(place)
        return place.new
    with reported(place.out, "replace"):
        left = _exchange(place)
    try:
        _check_left(place, left, old)
    except BaseException:
        with reported(place.out, "put back the old"):
            _exchange_back(place, left)
        raise
    return left


def _check_left(place: _Place, left: str, old: _Old) -> None:
    """Makes sure that what was switched out is what was looked at, and is all ours."""
    with reported(place.out, "look at"):
        there = scan.look(place.parent, left)
        moved = there is None or not os.path.samestat(there, os.fstat(old.root))
        strange = [] if moved else _strangers(old.root, old.review.ours)
    if moved:
        raise WriteError(
            Code.BUSY,
            f"{show(place.out)} was replaced by something else during the build",
            "See what does this, then run it again. What is there now is untouched.",
        )
    if strange:
        raise WriteError(
            Code.FOREIGN_FILES,
            f"in {show(place.out)} appeared {_count(len(strange), 'entry', 'entries')} during the "
            "build that forage-gen did not make and would have to delete: "
            f"{_some(sorted(strange))}",
            f"Move what you want to keep out of {show(place.out)}, remove the rest, and run it "
            "again.",
        )


def _move_in(place: _Place) -> None:
    try:
        syscalls.rename_new(place.parent, place.new, place.name)
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
        # Of all that could have appeared there, rename(2) replaces only an empty directory.
        os.rename(place.new, place.name, src_dir_fd=place.parent, dst_dir_fd=place.parent)


def _exchange(place: _Place) -> str:
    try:
        syscalls.exchange(place.parent, place.new, place.name)
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
    else:
        return place.new
    os.rename(place.name, place.aside, src_dir_fd=place.parent, dst_dir_fd=place.parent)
    try:
        os.rename(place.new, place.name, src_dir_fd=place.parent, dst_dir_fd=place.parent)
    except BaseException:
        os.rename(place.aside, place.name, src_dir_fd=place.parent, dst_dir_fd=place.parent)
        raise
    return place.aside


def _exchange_back(place: _Place, left: str) -> None:
    if left == place.new:
        syscalls.exchange(place.parent, place.new, place.name)
        return
    os.rename(place.name, place.new, src_dir_fd=place.parent, dst_dir_fd=place.parent)
    os.rename(left, place.name, src_dir_fd=place.parent, dst_dir_fd=place.parent)


def _remove_old(place: _Place, left: str, old: _Old) -> None:
    where = place.beside(left)
    try:
        kept = staging.remove(place.parent, left, old.review.ours)
    except OSError as error:
        cause = from_os(error, where, "remove the old one,")
        raise WriteError(
            cause.code,
            f"the new tree {show(place.out)} is in place, but {cause.message}",
            cause.hint,
        ) from error
    if kept:
        raise WriteError(
            Code.FOREIGN_FILES,
            f"the new tree {show(place.out)} is in place, but while the old one was removed "
            f"something appeared in it, and is now in {show(where)}: {_some(sorted(kept))}",
            "Move what you want to keep out of it, and remove it.",
        )


def _replace_companions(beside: Companions, *, durable: bool) -> None:
    with Signals() as signals:
        try:
            beside.stage()
            if durable:
                for path, descriptor in zip(beside.paths, beside.directories, strict=True):
                    with reported(path, "write"):
                        syscalls.sync_file_system(descriptor)
            signals.check()
            try:
                beside.install()
            except BaseException:
                beside.put_back()
                raise
        finally:
            beside.clear()
        if durable:
            _sync_directories(beside.paths[0], beside.directories)
