"""Remembers what each tree was made from, so that nothing is made twice.

A build with nothing changed need not make every file to see that. The memory is a cache:
one small file for each tree, in `$XDG_CACHE_HOME/forage-gen` (XDG Base Directory
Specification). It is never believed about the tree itself, which is read and held against
its manifest each time. Without it, or if it is wrong, a build does all of its work.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from forage_gen.write.verify import intact

if TYPE_CHECKING:
    from forage_gen.resolve.resolve import Resolved

_PACKAGE = Path(__file__).parent
_CODE = frozenset({".py", ".j2"})


def is_current(out: Path, resolved: Resolved) -> bool:
    """Whether the tree at `out` was made by this very code from these very inputs, and is whole."""
    try:
        known = json.loads(_place(out).read_bytes())
    except (OSError, ValueError, RuntimeError):
        return False
    manifest = known.get("manifest") if isinstance(known, dict) else None
    return (
        isinstance(manifest, str)
        and known.get("inputs") == _inputs(resolved)
        and intact(out) == manifest
    )


def remember(out: Path, resolved: Resolved, manifest: bytes) -> None:
    """Note what the tree at `out` was made from. A cache that cannot be written is no error."""
    known = {"inputs": _inputs(resolved), "manifest": hashlib.sha256(manifest).hexdigest()}
    with suppress(OSError, RuntimeError):
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


def _inputs(resolved: Resolved) -> str:
    """Digest all that a tree is made from: the code, the input files and the lock."""
    digest = hashlib.sha256()
    for path in sorted(_PACKAGE.rglob("*")):
        if path.suffix in _CODE:
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    for file in resolved.inputs.files:
        digest.update(f"{file.name}\0{file.digest}\0".encode())
    digest.update(resolved.lock.render().encode())
    return digest.hexdigest()
