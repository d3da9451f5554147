"""System calls that Python 3.11 has no function for."""

import ctypes
import errno
import os
from typing import Final

_RENAME_NOREPLACE: Final = 1
_RENAME_EXCHANGE: Final = 2

_libc: Final = ctypes.CDLL(None, use_errno=True)


def _renameat2(directory: int, old: str, new: str, flags: int) -> None:
    function = getattr(_libc, "renameat2", None)
    if function is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS), old, None, new)
    if function(directory, os.fsencode(old), directory, os.fsencode(new), flags) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), old, None, new)


def rename_new(directory: int, old: str, new: str) -> None:
    """Renames `old` to `new`, which must not exist; both in the open `directory`.

    Raises:
        OSError: As renameat2(2) says. EINVAL: the file system cannot do it. ENOSYS: the
            kernel or the C library cannot (glibc can since 2.28).
    """
    _renameat2(directory, old, new, _RENAME_NOREPLACE)


def exchange(directory: int, one: str, other: str) -> None:
    """Swaps two names of the open `directory` in one step that cannot be seen half done.

    Raises:
        OSError: As `rename_new`.
    """
    _renameat2(directory, one, other, _RENAME_EXCHANGE)


def sync_file_system(descriptor: int) -> None:
    """Writes out all of the file system that `descriptor` is on: syncfs(2).

    A C library without it (musl has it, macOS does not) falls back to sync(2).

    Raises:
        OSError: Something could not be written: EIO, ENOSPC, EDQUOT.
    """
    function = getattr(_libc, "syncfs", None)
    if function is None:
        os.sync()
        return
    if function(descriptor) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
