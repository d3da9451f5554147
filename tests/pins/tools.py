"""Where nix-prefetch-git is on this machine."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

STAND_IN = Path(__file__).parent / "stand-in" / "nix-prefetch-git"


def real_prefetch_git() -> Path | None:
    """The real one: on the PATH, or in the nixpkgs tree that FORAGE_NIXPKGS names."""
    found = shutil.which("nix-prefetch-git")
    if found:
        return Path(found)
    tree = os.environ.get("FORAGE_NIXPKGS")
    script = Path(tree or "/") / "pkgs/build-support/fetchgit/nix-prefetch-git"
    return script if os.access(script, os.X_OK) else None


def prefetch_git() -> Path:
    return real_prefetch_git() or STAND_IN
