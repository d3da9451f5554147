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

from forage_gen.write.verify import intact

_PACKAGE = Path(__file__).parent
_CODE = frozenset({".py", ".j2"})
# What a project is read from: see forage_gen.read.load.
_INPUTS = ("forage.toml", "forage.json", "forage.lock", "templates/*.toml")


class Built(NamedTuple):
    """What a build has to say of a tree."""

    sandboxes: int
    templates: int


def recall(root: Path, out: Path) -> Built | None:
    """Tell of the tree at `out` if this very code made it from these very inputs, and it is whole.

    Returns:
        What was built; None if anything differs, or is not known.
    """
    try:
        known = json.loads(_place(out).read_bytes())
        made_from_these = known["inputs"] == _inputs(root)
        if made_from_these and known["manifest"] is not None and known["manifest"] == intact(out):
            return Built(int(known["sandboxes"]), int(known["templates"]))
    except (OSError, ValueError, RuntimeError, LookupError, TypeError):
        pass  # no cache, or not one of ours
    return None


def remember(root: Path, out: Path, manifest: bytes, built: Built) -> None:
    """Note what the tree at `out` was made from. A cache that cannot be written is no error."""
    with suppress(OSError, RuntimeError):
        known = {
            "inputs": _inputs(root),
            "manifest": hashlib.sha256(manifest).hexdigest(),
            **built._asdict(),
        }
        place = _place(out)
        place.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=place.parent)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(known, file)
        Path(name).replace(place)


def _place(out: Path) -> Path:
    cache = os.environ.get("XDG_CACHE_HOME", "")
    base = Path(cache) if Path(cache).is_absolute() else Path.home() / ".cache"
    name = hashlib.sha256(os.fsencode(out.absolute())).hexdigest()[:32]
    return base / "forage-gen" / f"{name}.json"


def _inputs(root: Path) -> str:
    """Digest all that a tree is made from: the code, the input files and the lock."""
    digest = hashlib.sha256()
    code = (path for path in _PACKAGE.rglob("*") if path.suffix in _CODE)
    files = (path for pattern in _INPUTS for path in root.glob(pattern))
    for base, paths in ((_PACKAGE, code), (root, files)):
        for path in sorted(paths):
            digest.update(os.fsencode(path.relative_to(base)) + b"\0")
            # What is no regular file is for the reader to refuse.
            content = path.read_bytes() if path.is_file() else b""
            digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()
