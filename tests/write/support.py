"""What the tests of the writer share: small trees, and what is on disk afterwards."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from forage_gen.artifact import Artifact
from forage_gen.write import manifest
from forage_gen.write.tree import write

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from forage_gen.write.tree import WriteResult

NOBODY = 65534
ROOT = Path(__file__).parents[2]

Snapshot = dict[str, tuple[int, bytes]]


class Build:
    """Artifacts and their manifest; a name that ends in `*` is executable."""

    def __init__(self, files: Mapping[str, str | bytes]) -> None:
        self.artifacts = [
            Artifact(
                name.removesuffix("*"),
                content.encode() if isinstance(content, str) else content,
                executable=name.endswith("*"),
            )
            for name, content in files.items()
        ]
        self.manifest = manifest.render(
            self.artifacts, version="1.2.3", inputs={"forage.toml": "0" * 64}, facts={}
        )

    def write(self, out: Path, companions: Mapping[Path, bytes] | None = None) -> WriteResult:
        return write(out, self.artifacts, self.manifest, companions=companions, durable=False)

    def snapshot(self) -> Snapshot:
        """What `snapshot` finds after this was written."""
        found: Snapshot = {"": (stat.S_IFDIR | 0o755, b"")}
        for artifact in [*self.artifacts, Artifact(manifest.NAME, self.manifest)]:
            mode = 0o755 if artifact.executable else 0o644
            found[artifact.path] = (stat.S_IFREG | mode, artifact.content)
            for directory in Path(artifact.path).parents:
                if directory != Path():
                    found[str(directory)] = (stat.S_IFDIR | 0o755, b"")
        return found


def snapshot(root: Path) -> Snapshot:
    """Everything below a path, with modes and contents; nothing for nothing."""
    if not os.path.lexists(root):
        return {}
    found: Snapshot = {}
    for path in [root, *root.rglob("*")]:
        status = path.lstat()
        name = "" if path == root else str(path.relative_to(root))
        if stat.S_ISREG(status.st_mode):
            content = path.read_bytes()
        elif stat.S_ISLNK(status.st_mode):
            content = os.fsencode(path.readlink())
        else:
            content = b""
        found[name] = (status.st_mode, content)
    return found


def listed(directory: Path) -> list[str]:
    """The names in a directory."""
    return sorted(path.name for path in directory.iterdir())


def times(root: Path) -> dict[str, tuple[int, int, int]]:
    """Inode, change and modification time of everything below a path."""
    return {
        str(path): (path.lstat().st_ino, path.lstat().st_ctime_ns, path.lstat().st_mtime_ns)
        for path in [root, *root.rglob("*")]
    }


@contextmanager
def mounted(at: Path, kind: str, options: str, source: str = "test") -> Iterator[Path]:
    """A file system, mounted while the block runs."""
    at.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", kind, "-o", options, source, str(at)], check=True)
    try:
        yield at
    finally:
        subprocess.run(["umount", "-R", str(at)], check=True)


def remount(at: Path, options: str) -> None:
    """Changes a mounted file system."""
    subprocess.run(["mount", "-o", f"remount,{options}", str(at)], check=True)


@contextmanager
def as_user(uid: int) -> Iterator[None]:
    """The block runs with the rights of another user."""
    os.setegid(uid)
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


def python(*arguments: str, **environment: str) -> list[str]:
    """A command that runs a module of these tests."""
    settings = [f"{name}={value}" for name, value in environment.items()]
    return ["env", "-C", str(ROOT), *settings, sys.executable, "-m", *arguments]
