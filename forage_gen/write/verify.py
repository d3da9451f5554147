"""Whether a tree is exactly as its own manifest says, without making any of its files."""

import hashlib
import os
from pathlib import Path

from forage_gen.write import scan
from forage_gen.write.manifest import NAME, Manifest, ManifestError
from forage_gen.write.names import Names
from forage_gen.write.review import read_manifest
from forage_gen.write.scan import Entry, Shape, aside_of, staging_of


def intact(out: Path) -> str | None:
    """Hold a tree against its manifest: every file, its bytes and mode, and nothing else.

    Returns:
        The SHA-256 of the manifest; None if anything differs, cannot be read, or was left
        behind by a build that was stopped.
    """
    if os.path.lexists(staging_of(out)) or os.path.lexists(aside_of(out)):
        return None
    try:
        root = scan.open_tree(None, str(out))
        try:
            content = read_manifest(root)
            if content is None or not _matches(root, Manifest.parse(content)):
                return None
        finally:
            os.close(root)
    except (OSError, ManifestError):
        return None
    return hashlib.sha256(content).hexdigest()


def _matches(root: int, manifest: Manifest) -> bool:
    directories = Names.of(manifest.files).directories
    files = 0
    for entry in scan.walk(root, directories):
        if entry.shape is Shape.DIRECTORY:
            mode = os.stat(entry.name, dir_fd=entry.directory, follow_symlinks=False).st_mode
            if entry.path not in directories or not scan.directory_mode_fits(mode):
                return False
        elif entry.shape is not Shape.FILE:
            return False
        elif entry.path != NAME:
            if not _file_matches(entry, manifest):
                return False
            files += 1
    return files == len(manifest.files)


def _file_matches(entry: Entry, manifest: Manifest) -> bool:
    wanted = manifest.files.get(entry.path)
    if wanted is None:
        return False
    status, content = scan.read(entry)
    return (
        content is not None
        and scan.file_mode_fits(status.st_mode, executable=wanted.executable)
        and hashlib.sha256(content).hexdigest() == wanted.sha256
    )
