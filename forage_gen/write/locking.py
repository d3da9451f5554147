"""One build at a time for a directory, without a lock file."""

import errno
import fcntl
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from forage_gen.write.errors import Code, WriteError, reported, show

OnWait = Callable[[Path], None]
"""Called once with the directory that another build holds, before waiting for it."""

_Identity = tuple[int, int]


class Hold:
    """Directories that are open and locked."""

    def __init__(self, descriptors: Mapping[_Identity, int]) -> None:
        self._descriptors = descriptors

    def descriptor(self, directory: Path) -> int:
        """The descriptor of a held directory, under whatever path.

        Raises:
            WriteError: The directory is gone, or not one of those held.
        """
        with reported(directory, "open"):
            status = directory.stat()
        try:
            return self._descriptors[status.st_dev, status.st_ino]
        except KeyError:
            raise WriteError(
                Code.BUSY,
                f"{show(directory)} is not the directory that was locked",
                "Something moved it during the build. Run it again.",
            ) from None


def open_directory(path: Path) -> int:
    """Opens a directory that files are to be made in.

    Raises:
        WriteError: `missing-parent`, `not-a-directory`, `permission`, ...
    """
    with reported(path, "open"):
        try:
            return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise WriteError(
                Code.MISSING_PARENT,
                f"there is no directory {show(path)}",
                "Make it first (mkdir -p), or choose another directory to write to.",
            ) from None


def _lock(descriptor: int, directory: Path, on_wait: OnWait | None) -> None:
    with reported(directory, "lock"):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno != errno.EWOULDBLOCK:
                raise
            if on_wait is not None:
                on_wait(directory)
            fcntl.flock(descriptor, fcntl.LOCK_EX)


@contextmanager
def hold(directories: Iterable[Path], on_wait: OnWait | None = None) -> Iterator[Hold]:
    """Keeps other builds out of `directories` while the block runs.

    The lock is flock(2) on the directories themselves. It leaves no file behind, and the
    kernel lets go of it when the process ends, however it ends. They are locked in the
    order of device and inode, so two builds with the same directories cannot wait for
    each other.

    What is read to decide what to write (`forage.lock`) should be read inside, or the
    build decides on what another one is about to change.

    Raises:
        WriteError: A directory is missing or cannot be opened.
    """
    with ExitStack() as stack:
        opened: dict[_Identity, tuple[int, Path]] = {}
        for directory in directories:
            descriptor = open_directory(directory)
            stack.callback(os.close, descriptor)
            status = os.fstat(descriptor)
            opened.setdefault((status.st_dev, status.st_ino), (descriptor, directory))
        for _, (descriptor, directory) in sorted(opened.items()):
            _lock(descriptor, directory, on_wait)
        yield Hold({identity: descriptor for identity, (descriptor, _) in opened.items()})
