"""The one exception of this package, and how an `OSError` becomes one."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import PurePath
from typing import Final


class Code(StrEnum):
    """What went wrong, for programs."""

    ARTIFACTS = "artifacts"
    BUSY = "busy"
    DISK_FULL = "disk-full"
    FOREIGN_FILES = "foreign-files"
    INTERRUPTED = "interrupted"
    IO = "io"
    MISSING_PARENT = "missing-parent"
    NEWER_MANIFEST = "newer-manifest"
    NOT_A_DIRECTORY = "not-a-directory"
    NOT_A_FILE = "not-a-file"
    PERMISSION = "permission"
    READ_ONLY = "read-only"
    REFUSED = "refused"
    SYMLINK = "symlink"
    UNMOVABLE = "unmovable"


class WriteError(Exception):
    """The tree could not be written or compared.

    Attributes:
        code: What went wrong, for programs.
        message: What went wrong, for people; names the path.
        hint: What to do about it.
    """

    def __init__(self, code: Code, message: str, hint: str) -> None:
        super().__init__(f"{message}\n{hint}")
        self.code = code
        self.message = message
        self.hint = hint


def show(path: str | PurePath) -> str:
    """Writes a path so that it cannot confuse a terminal or fail to encode.

    A file that the generator did not make can have any bytes in its name.
    """
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


_CAUSES: Final[dict[int, tuple[Code, str, str]]] = {
    errno.EACCES: (
        Code.PERMISSION,
        "permission denied",
        "Run it as the user who owns that path, or change its owner or mode.",
    ),
    errno.EPERM: (
        Code.PERMISSION,
        "the operation is not permitted",
        "Run it as the user who owns that path; see whether it is immutable (lsattr -d).",
    ),
    errno.EROFS: (
        Code.READ_ONLY,
        "the file system is read-only",
        "Write to a directory on another file system, or remount this one for writing.",
    ),
    errno.ENOSPC: (
        Code.DISK_FULL,
        "no space is left on the file system",
        "Free some space or inodes (df, df -i) and run it again; the old tree is untouched.",
    ),
    errno.EDQUOT: (
        Code.DISK_FULL,
        "the disk quota is used up",
        "Free some space (quota) and run it again; the old tree is untouched.",
    ),
    errno.ELOOP: (
        Code.SYMLINK,
        "a symbolic link is in the way",
        "Remove the link, or name the place it leads to.",
    ),
    errno.ENOTDIR: (
        Code.NOT_A_DIRECTORY,
        "something that is not a directory is in the way",
        "Move it away, or choose another directory.",
    ),
    errno.EBUSY: (
        Code.BUSY,
        "it is in use, perhaps as a mount point",
        "Unmount it (findmnt), or choose a directory below it.",
    ),
    errno.EXDEV: (
        Code.UNMOVABLE,
        "its file system cannot move this directory",
        (
            "It may belong to a lower layer of an overlay, such as a container image. "
            "Make it anew in the upper layer: cp -a it to another name, remove it, and "
            "move the copy back."
        ),
    ),
    errno.ENOENT: (
        Code.BUSY,
        "it is gone",
        "Something else moved or removed it meanwhile. Run it again.",
    ),
    errno.EEXIST: (
        Code.BUSY,
        "something appeared there meanwhile",
        "See what it is, move it away, and run it again.",
    ),
    errno.ENAMETOOLONG: (
        Code.IO,
        "the name is too long for the file system",
        "Choose a directory with a shorter name.",
    ),
}


def from_os(error: OSError, path: str | PurePath, action: str) -> WriteError:
    """Turns an `OSError` into a `WriteError` that names the whole path.

    Calls relative to a directory's descriptor leave only a last name in the `OSError`.
    """
    code, cause, hint = _CAUSES.get(
        error.errno or 0,
        (
            Code.IO,
            error.strerror or str(error),
            "Look at the file system and its logs (dmesg), then run it again.",
        ),
    )
    return WriteError(code, f"cannot {action} {show(path)}: {cause}", hint)


@contextmanager
def reported(path: str | PurePath, action: str) -> Iterator[None]:
    """Lets no `OSError` of the block out, only a `WriteError` about `path`."""
    try:
        yield
    except OSError as error:
        raise from_os(error, path, action) from error
