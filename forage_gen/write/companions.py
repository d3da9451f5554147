"""Single files beside a tree that change together with it."""

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from forage_gen.write import scan
from forage_gen.write.create import create
from forage_gen.write.errors import Code, WriteError, from_os, reported, show
from forage_gen.write.locking import Hold
from forage_gen.write.review import FILE_MODE
from forage_gen.write.scan import Entry, Shape


@dataclass(frozen=True, slots=True)
class _Companion:
    path: Path
    directory: int
    content: bytes
    old: bytes | None

    @property
    def new_name(self) -> str:
        return f".{self.path.name}.forage-new"

    @property
    def old_name(self) -> str:
        return f".{self.path.name}.forage-old"

    def remove(self, *names: str) -> None:
        for name in names:
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=self.directory)


class Companions:
    """Files to be replaced together, and put back if what they belong to fails.

    Both the new file and a copy of the old one are written beforehand, under hidden names
    beside it. Installing and putting back then only rename, which a full disk does not
    stop.
    """

    def __init__(self, changed: Iterable[_Companion]) -> None:
        self._changed = tuple(changed)
        self._installed: list[_Companion] = []

    @classmethod
    def look(cls, held: Hold, wanted: Mapping[Path, bytes]) -> "Companions":
        """Finds those that are not yet what they should be, and clears up after a killed run.

        Raises:
            WriteError: `symlink` or `not-a-file`: something else has its name. Others as
                the file system says.
        """
        found = []
        for path, content in sorted(wanted.items()):
            directory = held.descriptor(path.parent)
            with reported(path, "read"):
                old = _read(directory, path, path.name)
                companion = _Companion(path, directory, content, old)
                # These names are nobody else's. Still, a link or a directory is not ours.
                for name in (companion.new_name, companion.old_name):
                    if _is_file(directory, path.with_name(name), name):
                        os.unlink(name, dir_fd=directory)
            if old != content:
                found.append(companion)
        return cls(found)

    @property
    def paths(self) -> tuple[Path, ...]:
        """Those that change."""
        return tuple(companion.path for companion in self._changed)

    @property
    def directories(self) -> tuple[int, ...]:
        """The open directories of those that change."""
        return tuple(companion.directory for companion in self._changed)

    def stage(self) -> None:
        """Writes everything that is needed to replace them and to put them back.

        Raises:
            WriteError: It cannot be written.
        """
        for companion in self._changed:
            with reported(companion.path, "write"):
                create(companion.directory, companion.new_name, companion.content, FILE_MODE)
                if companion.old is not None:
                    create(companion.directory, companion.old_name, companion.old, FILE_MODE)

    def install(self) -> None:
        """Replaces them.

        Raises:
            WriteError: One cannot be replaced.
        """
        for companion in self._changed:
            with reported(companion.path, "replace"):
                self._installed.append(companion)
                _rename(companion, companion.new_name)

    def put_back(self) -> None:
        """Undoes `install`, also one that failed halfway.

        Raises:
            WriteError: One cannot be put back.
        """
        while self._installed:
            companion = self._installed.pop()
            with reported(companion.path, "restore"):
                if scan.look(companion.directory, companion.new_name) is not None:
                    continue  # it was the one that could not be replaced
                if companion.old is None:
                    companion.remove(companion.path.name)
                else:
                    _rename(companion, companion.old_name)

    def clear(self) -> None:
        """Removes what `stage` wrote and nothing used.

        Raises:
            WriteError: Something cannot be removed.
        """
        for companion in self._changed:
            try:
                companion.remove(companion.new_name, companion.old_name)
            except OSError as error:
                raise from_os(error, companion.path, "clear up beside") from error


def _rename(companion: _Companion, name: str) -> None:
    os.replace(
        name,
        companion.path.name,
        src_dir_fd=companion.directory,
        dst_dir_fd=companion.directory,
    )


def _is_file(directory: int, path: Path, name: str) -> bool:
    status = scan.look(directory, name)
    if status is None:
        return False
    match scan.shape_of(status.st_mode):
        case Shape.FILE:
            return True
        case Shape.SYMLINK:
            raise WriteError(
                Code.SYMLINK,
                f"{show(path)} is a symbolic link",
                "It would be replaced by a file. Remove the link first.",
            )
        case _:
            raise WriteError(
                Code.NOT_A_FILE,
                f"{show(path)} is not a regular file",
                "A build writes a file there. Move away what has its name.",
            )


def _read(directory: int, path: Path, name: str) -> bytes | None:
    if not _is_file(directory, path, name):
        return None
    return scan.read(Entry(directory, name, name, Shape.FILE))[1]
