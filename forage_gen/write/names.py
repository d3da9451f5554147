"""Which names a tree has, and whether they can stand beside each other."""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from forage_gen.artifact import Artifact
from forage_gen.write import manifest
from forage_gen.write.errors import Code, WriteError, show

_HINT: Final = "This is a fault of the generator. Please report it, with the input if you can."


@dataclass(frozen=True, slots=True)
class Names:
    """The files of a tree, and the directories that they need."""

    files: frozenset[str]
    directories: frozenset[str]

    @classmethod
    def of(cls, files: Iterable[str]) -> "Names":
        """The names of a tree that has these files."""
        paths = frozenset(files)
        directories: set[str] = set()
        for path in paths:
            parent = path.rpartition("/")[0]
            # Every ancestor of a directory that is known is known.
            while parent and parent not in directories:
                directories.add(parent)
                parent = parent.rpartition("/")[0]
        return cls(paths, frozenset(directories))

    def __or__(self, other: "Names") -> "Names":
        return Names(self.files | other.files, self.directories | other.directories)


def _folded(path: str) -> str:
    if path.isascii():
        return path.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def checked(artifacts: Sequence[Artifact], manifest_bytes: bytes) -> dict[str, Artifact]:
    """All files of the tree by their path, the manifest included.

    Two names that differ only in case, or in how Unicode composes a letter, are one name
    on the file systems of other machines, and after a checkout there one file is gone.

    Raises:
        WriteError: `artifacts`: two paths are one file somewhere, or one is a directory too.
    """
    files = {artifact.path: artifact for artifact in artifacts}
    names = Names.of(files)
    if manifest.NAME in files:
        raise WriteError(Code.ARTIFACTS, f"{manifest.NAME} is among the artifacts", _HINT)
    if len(files) != len(artifacts):
        seen: set[str] = set()
        twice = next(a.path for a in artifacts if a.path in seen or seen.add(a.path))  # type: ignore[func-returns-value]
        raise WriteError(Code.ARTIFACTS, f"{show(twice)} is made twice", _HINT)
    files[manifest.NAME] = Artifact(manifest.NAME, manifest_bytes)
    both = files.keys() & names.directories
    if both:
        raise WriteError(Code.ARTIFACTS, f"{show(min(both))} is both a file and a directory", _HINT)
    spelled: dict[str, str] = {}
    for path in sorted(files) + sorted(names.directories):
        other = spelled.setdefault(_folded(path), path)
        if other != path:
            raise WriteError(
                Code.ARTIFACTS,
                f"{show(other)} and {show(path)} are one name where case does not count",
                _HINT,
            )
    return files
