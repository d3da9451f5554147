"""Remembers what each tree was made from, so that nothing is made twice.

A build with nothing changed need not read a key or make a file to see that. The memory is a
cache: one small file for each tree, in `$XDG_CACHE_HOME/forage-gen` (XDG Base Directory
Specification). It is never believed about the tree itself, which is held against its
manifest each time. Without it, or if it is wrong, a build does all of its work.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from forage_gen.layout import LOCK, PACKAGES, PROJECT_JSON, PROJECT_TOML, TEMPLATES
from forage_gen.write.verify import intact

_PACKAGE = Path(__file__).parent
_CODE = frozenset({".py", ".j2"})
_READ = (PROJECT_TOML, PROJECT_JSON, f"{TEMPLATES}/*.toml", f"{PACKAGES}/*.nix")


class Built(NamedTuple):
    """What a build has to say of a tree."""

    sandboxes: int
    templates: int


def digest(root: Path) -> str:
    """Digest what a tree is made from, but forage.lock, which a build may write itself.

    It is taken before the project is read. What changes while it is read is then not what
    was remembered, and is seen by the next build.
    """
    result = hashlib.sha256(os.fsencode(root.absolute()))
    code = (path for path in _PACKAGE.rglob("*") if path.suffix in _CODE)
    files = (path for pattern in _READ for path in root.glob(pattern))
    for base, paths in ((_PACKAGE, code), (root, files)):
        for path in sorted(paths):
            result.update(os.fsencode(path.relative_to(base)) + b"\0" + _of_file(path))
    return result.hexdigest()


def recall(root: Path, out: Path, inputs: str) -> Built | None:
    """Tell of the tree at `out` if it was made from these `inputs` (a `digest`), and is whole.

    Returns:
        What was built; None if anything differs, or is not known.
    """
    try:
        known = json.loads(_place(out).read_bytes())
        whole = known["inputs"] == inputs and known["lock"] == _sha256((root / LOCK).read_bytes())
        if whole and known["manifest"] is not None and known["manifest"] == intact(out):
            return Built(int(known["sandboxes"]), int(known["templates"]))
    except (OSError, ValueError, RuntimeError, LookupError, TypeError):
        pass  # no cache, or not one of ours
    return None


def remember(out: Path, inputs: str, lock: bytes, manifest: bytes, built: Built) -> None:
    """Note what the tree at `out` was made from. A cache that cannot be written is no error."""
    known = {"inputs": inputs, "lock": _sha256(lock), "manifest": _sha256(manifest)}
    with suppress(OSError, RuntimeError):
        place = _place(out)
        place.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=place.parent)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(known | built._asdict(), file)
        Path(name).replace(place)


def _of_file(path: Path) -> bytes:
    try:
        if path.is_file():
            with path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").digest()
    except OSError:
        pass
    return b""  # what cannot be read is for the reader to refuse, and is not remembered


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _place(out: Path) -> Path:
    cache = os.environ.get("XDG_CACHE_HOME", "")
    base = Path(cache) if Path(cache).is_absolute() else Path.home() / ".cache"
    name = _sha256(os.fsencode(out.absolute()))[:32]
    return base / "forage-gen" / f"{name}.json"
