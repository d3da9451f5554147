"""A tree on disk, held against its own manifest and against what a build would write."""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from forage_gen.artifact import Artifact
from forage_gen.write import manifest, scan
from forage_gen.write.manifest import Fault, Manifest, ManifestError
from forage_gen.write.names import Names
from forage_gen.write.scan import Entry, Shape

FILE_MODE: Final = 0o644
EXECUTABLE_MODE: Final = 0o755
DIRECTORY_MODE: Final = 0o755


class Kind(StrEnum):
    """How an entry of a tree differs from what a build would write."""

    NO_TREE = "no-tree"
    """There is no tree at all."""
    MISSING = "missing"
    """A build would write this file, and it is not there."""
    STALE = "stale"
    """It is as the last build wrote it. A new build would write it differently."""
    EDITED = "edited"
    """It is not as the last build wrote it: someone changed it by hand."""
    EXTRA = "extra"
    """The last build wrote it, and a new build would not."""
    MODE = "mode"
    """Only its mode is wrong."""
    DAMAGED_MANIFEST = "damaged-manifest"
    """The manifest is ours and cannot be read."""
    FOREIGN_MANIFEST = "foreign-manifest"
    """The manifest is not ours."""
    NEWER_MANIFEST = "newer-manifest"
    """The manifest was written by a newer version of the generator."""
    UNKNOWN = "unknown"
    """No build made it."""
    NOT_REGULAR = "not-regular"
    """It is a symbolic link, or something else that no build makes in this place."""

    @property
    def foreign(self) -> bool:
        """Whether a build must refuse rather than replace or delete it."""
        return self in _FOREIGN


_FOREIGN: Final = frozenset(
    {Kind.FOREIGN_MANIFEST, Kind.NEWER_MANIFEST, Kind.UNKNOWN, Kind.NOT_REGULAR}
)
_FAULTS: Final = {
    Fault.DAMAGED: Kind.DAMAGED_MANIFEST,
    Fault.FOREIGN: Kind.FOREIGN_MANIFEST,
    Fault.NEWER: Kind.NEWER_MANIFEST,
}


@dataclass(frozen=True, slots=True, order=True)
class Difference:
    """One way in which a tree differs from what a build would write.

    Attributes:
        path: Where, relative to the tree; a directory ends in `/`, the tree itself is empty.
        kind: How.
        detail: More, for people; may be empty.
    """

    path: str
    kind: Kind
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Review:
    """What was found in a tree.

    Attributes:
        differences: How it differs from what a build would write, sorted.
        ours: What of it a build may replace and delete.
        same: The files that already are what a build would write, to the last bit of the
            mode and with us as the owner.
    """

    differences: tuple[Difference, ...]
    ours: Names
    same: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Record:
    """What the tree's manifest says.

    Attributes:
        names: The names in it.
        sha256: What it says of a file: None where it does not name it, and the empty text
            where it does not tell what was in it.
        difference: What is to be said of the manifest itself.
    """

    names: Names
    sha256: Callable[[str], str | None]
    difference: Difference | None


@dataclass(slots=True)
class _Findings:
    differences: list[Difference] = field(default_factory=list)
    files: set[str] = field(default_factory=set)
    directories: set[str] = field(default_factory=set)
    same: set[str] = field(default_factory=set)
    extra_files: list[str] = field(default_factory=list)
    extra_directories: set[str] = field(default_factory=set)
    occupied: set[str] = field(default_factory=set)

    def add(self, path: str, kind: Kind, detail: str = "") -> None:
        self.differences.append(Difference(path, kind, detail))


def recorded_names(content: bytes | None) -> Names:
    """The files that a tree's manifest names, and the manifest; nothing for one not ours."""
    if content is None:
        return Names.of(())
    try:
        files: Iterable[str] = Manifest.parse(content).files
    except ManifestError as error:
        if error.fault is not Fault.DAMAGED:
            return Names.of(())
        files = error.files
    return Names.of({*files, manifest.NAME})


def read_manifest(root: int) -> bytes | None:
    """The bytes of a tree's manifest, or None where there is no such regular file.

    Raises:
        OSError: It cannot be read.
    """
    status = scan.look(root, manifest.NAME)
    if status is None or scan.shape_of(status.st_mode) is not Shape.FILE:
        return None
    return scan.read(Entry(root, manifest.NAME, manifest.NAME, Shape.FILE))[1]


def _record(content: bytes | None, files: Mapping[str, Artifact], names: Names) -> _Record:
    if content is None:
        return _Record(Names.of(()), lambda _: None, None)
    if content == files[manifest.NAME].content:
        # Nothing changed, most likely. Then parsing would take longer than all else.
        return _Record(names, lambda path: _sha256_of(files.get(path)), None)
    try:
        old = Manifest.parse(content)
    except ManifestError as error:
        difference = Difference(manifest.NAME, _FAULTS[error.fault], error.reason)
        named = error.files
        return _Record(Names.of(named), lambda path: "" if path in named else None, difference)
    return _Record(
        Names.of(old.files),
        lambda path: old.files[path].sha256 if path in old.files else None,
        Difference(manifest.NAME, Kind.STALE),
    )


def _sha256_of(artifact: Artifact | None) -> str | None:
    return None if artifact is None else hashlib.sha256(artifact.content).hexdigest()


def review(root: int, files: Mapping[str, Artifact], names: Names) -> Review:
    """Holds an open tree against its manifest and against what a build would write.

    A file that the manifest does not name is still taken for ours if it has the bytes
    that a build would write, or none: nobody loses anything by it. So a merge that brings
    a file but not its line in the manifest, and a power loss, are repaired by a build.

    Args:
        root: The open tree.
        files: What a build would write, the manifest included.
        names: The names of `files`.

    Raises:
        OSError: Something cannot be read.
    """
    record = _record(read_manifest(root), files, names)
    both = names | record.names
    found = _Findings()
    for entry in scan.walk(root, both.directories):
        match entry.shape:
            case Shape.FILE:
                _file(entry, files, both, record, found)
            case Shape.DIRECTORY:
                _directory(entry, names, both, found)
            case Shape.SYMLINK:
                _occupied(entry, "a symbolic link", found)
            case Shape.SPECIAL:
                _occupied(entry, "a device, pipe or socket", found)
    found.differences.extend(_absent(files, found))
    # Where files of an extra directory are reported, it need not be.
    empty = found.extra_directories - Names.of(found.extra_files).directories
    found.differences.extend(Difference(f"{path}/", Kind.EXTRA) for path in empty)
    return Review(
        tuple(sorted(found.differences)),
        Names(frozenset(found.files), frozenset(found.directories)),
        frozenset(found.same),
    )


def _occupied(entry: Entry, what: str, found: _Findings) -> None:
    found.occupied.add(entry.path)
    found.add(entry.path, Kind.NOT_REGULAR, what)


def _directory(entry: Entry, names: Names, both: Names, found: _Findings) -> None:
    if entry.path not in both.directories:
        if entry.path in both.files:
            _occupied(entry, "a directory where a file belongs", found)
        else:
            found.add(f"{entry.path}/", Kind.UNKNOWN)
        return
    found.directories.add(entry.path)
    if entry.path not in names.directories:
        found.extra_directories.add(entry.path)
        return
    mode = os.stat(entry.name, dir_fd=entry.directory, follow_symlinks=False).st_mode
    if not scan.directory_mode_fits(mode):
        found.add(f"{entry.path}/", Kind.MODE, _modes(mode, DIRECTORY_MODE))


def _file(
    entry: Entry, files: Mapping[str, Artifact], both: Names, record: _Record, found: _Findings
) -> None:
    path = entry.path
    if path not in both.files and path != manifest.NAME:
        if path in both.directories:
            _occupied(entry, "a file where a directory belongs", found)
        else:
            found.add(path, Kind.UNKNOWN)
        return
    artifact = files.get(path)
    if artifact is None:
        _extra(entry, record, found)
        return
    # Not named: it is ours only if equal. Then there is no need to read what is larger.
    size = None if path in record.names.files else len(artifact.content)
    status, content = scan.read(entry, size)
    if content == artifact.content:
        found.files.add(path)
        _mode(path, status, artifact, found)
    elif path == manifest.NAME:
        _manifest(record, found)
    elif path in record.names.files:
        found.files.add(path)
        found.add(path, Kind.EDITED if _edited(path, content, record) else Kind.STALE)
    elif status.st_size == 0:
        found.files.add(path)
        found.add(path, Kind.STALE)
    else:
        found.occupied.add(path)
        found.add(path, Kind.UNKNOWN, "not named in the manifest")


def _manifest(record: _Record, found: _Findings) -> None:
    difference = record.difference or Difference(manifest.NAME, Kind.STALE)
    found.differences.append(difference)
    if difference.kind.foreign:
        found.occupied.add(manifest.NAME)
    else:
        found.files.add(manifest.NAME)


def _extra(entry: Entry, record: _Record, found: _Findings) -> None:
    found.files.add(entry.path)
    found.extra_files.append(entry.path)
    found.add(entry.path, Kind.EXTRA)
    _, content = scan.read(entry)
    if _edited(entry.path, content, record):
        found.add(entry.path, Kind.EDITED)


def _edited(path: str, content: bytes | None, record: _Record) -> bool:
    if content is None:
        return True
    return record.sha256(path) not in {"", hashlib.sha256(content).hexdigest()}


def _mode(path: str, status: os.stat_result, artifact: Artifact, found: _Findings) -> None:
    wanted = mode_of(artifact)
    if not scan.file_mode_fits(status.st_mode, executable=artifact.executable):
        found.add(path, Kind.MODE, _modes(status.st_mode, wanted))
    elif status.st_mode & 0o7777 == wanted and status.st_uid == os.geteuid():
        found.same.add(path)


def mode_of(artifact: Artifact) -> int:
    """The mode that an artifact's file is made with."""
    return EXECUTABLE_MODE if artifact.executable else FILE_MODE


def _modes(is_: int, should_be: int) -> str:
    return f"{is_ & 0o7777:04o}, not {should_be:04o}"


def _absent(files: Mapping[str, Artifact], found: _Findings) -> Iterator[Difference]:
    for path in files:
        if path not in found.files and path not in found.occupied:
            yield Difference(path, Kind.MISSING)
