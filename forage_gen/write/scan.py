"""A tree on disk, seen through descriptors: nothing here follows a symbolic link."""

import os
import stat
from collections.abc import Container, Iterator
from enum import Enum, auto
from pathlib import Path
from typing import Final, NamedTuple

_OPEN_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Non-blocking: a name that became a FIFO after it was listed would hang the open.
_OPEN_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CHUNK: Final = 1 << 20

_WRITABLE_BY_ALL: Final = stat.S_IWOTH
_SPECIAL_BITS: Final = stat.S_ISUID | stat.S_ISGID | stat.S_ISVTX


class Shape(Enum):
    """What kind of thing a directory entry is."""

    FILE = auto()
    DIRECTORY = auto()
    SYMLINK = auto()
    SPECIAL = auto()


class Entry(NamedTuple):
    """One entry of a tree.

    Attributes:
        directory: An open descriptor of the directory it is in.
        name: Its name there.
        path: Its path in the tree.
        shape: What it is.
    """

    directory: int
    name: str
    path: str
    shape: Shape


def open_tree(parent: int | None, name: str) -> int:
    """Opens a directory, but not through a symbolic link.

    Raises:
        OSError: ENOTDIR also for a symbolic link: Linux looks at O_DIRECTORY first.
    """
    return os.open(name, _OPEN_DIRECTORY, dir_fd=parent)


def aside_of(out: Path) -> Path:
    """Where the old tree is for a moment, on a file system that cannot exchange two names."""
    return out.with_name(f".{out.name}.forage-old")


def staging_of(out: Path) -> Path:
    """Where the new tree is made before it takes its place."""
    return out.with_name(f".{out.name}.forage-new")


def shape_of(mode: int) -> Shape:
    """The shape that a `st_mode` tells."""
    if stat.S_ISREG(mode):
        return Shape.FILE
    if stat.S_ISDIR(mode):
        return Shape.DIRECTORY
    return Shape.SYMLINK if stat.S_ISLNK(mode) else Shape.SPECIAL


def look(parent: int, name: str) -> os.stat_result | None:
    """What stands at `name`, or None where nothing does.

    Raises:
        OSError: As stat(2) says, but for ENOENT.
    """
    try:
        return os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _shape(entry: os.DirEntry[str]) -> Shape:
    # These read the d_type that came with the listing: no call of the kernel.
    if entry.is_file(follow_symlinks=False):
        return Shape.FILE
    if entry.is_dir(follow_symlinks=False):
        return Shape.DIRECTORY
    return Shape.SYMLINK if entry.is_symlink() else Shape.SPECIAL


def listing(directory: int, prefix: str) -> list[Entry]:
    """The entries of one open directory.

    Raises:
        OSError: As getdents(2) says.
    """
    with os.scandir(directory) as entries:
        return [Entry(directory, e.name, prefix + e.name, _shape(e)) for e in entries]


def walk(root: int, known: Container[str], prefix: str = "") -> Iterator[Entry]:
    """The entries of a tree, and of those directories in it that are `known`.

    A directory of someone else is one entry. What is below is not ours to look at, and
    can be deep and large.

    Raises:
        OSError: A directory cannot be read.
    """
    for entry in listing(root, prefix):
        yield entry
        if entry.shape is Shape.DIRECTORY and entry.path in known:
            descriptor = open_tree(entry.directory, entry.name)
            try:
                yield from walk(descriptor, known, entry.path + "/")
            finally:
                os.close(descriptor)


def read(entry: Entry, size: int | None = None) -> tuple[os.stat_result, bytes | None]:
    """Reads a file.

    Args:
        entry: The file.
        size: Read it only if it has this size; whatever the size if None.

    Returns:
        Its status, and what is in it: None if it is no regular file or not of that size.

    Raises:
        OSError: As open(2) and read(2) say. ELOOP: it has become a symbolic link.
    """
    descriptor = os.open(entry.name, _OPEN_FILE, dir_fd=entry.directory)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or size not in (None, status.st_size):
            return status, None
        content = os.read(descriptor, status.st_size + 1)
        if len(content) == status.st_size:
            return status, content
        # It changes as we read, or is larger than one read(2) gives (2 GiB).
        parts = [content]
        while parts[-1]:
            parts.append(os.read(descriptor, _CHUNK))
        return status, b"".join(parts)
    finally:
        os.close(descriptor)


def file_mode_fits(mode: int, *, executable: bool) -> bool:
    """Whether a file's mode is one that we or a checkout of ours would give it.

    Git keeps the owner's x bit and takes the rest from the umask. A checkout with umask
    002 or 077 is the same tree. What no sane umask gives is reported: writable by all,
    set-uid and the like, not readable by its owner.
    """
    return (
        bool(mode & stat.S_IXUSR) == executable
        and bool(mode & stat.S_IRUSR)
        and not mode & (_WRITABLE_BY_ALL | _SPECIAL_BITS)
    )


def directory_mode_fits(mode: int) -> bool:
    """Whether a directory's mode is one that we or a checkout of ours would give it.

    The set-group-id bit is inherited from the directory above, see inode(7).
    """
    return mode & stat.S_IRWXU == stat.S_IRWXU and not mode & _WRITABLE_BY_ALL
