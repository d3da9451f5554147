"""What a test needs of the machine it runs on."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

# For a program under test that is started elsewhere: this checkout, and what there was before,
# which in a Nix build is where the dependencies are.
PYTHONPATH = os.pathsep.join(
    filter(None, (str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH")))
)

# The whole of what `scripts/testhost` and the `host` fixture call on this machine.
TEST_HOST = (
    "root",
    "bash",
    "cc",
    "cp",
    "make",
    "mmdebstrap",
    "nsenter",
    "script",
    "setpriv",
    "systemctl",
    "unshare",
)


def require(*needs: str) -> None:
    """Skip the test where a need is missing; in CI, fail it.

    A need is the name of a program, or "root". A skipped test is no failure, and
    nobody would notice that CI has not run it for a year.
    """
    missing = [need for need in needs if not _present(need)]
    if not missing:
        return
    reason = f"needs {', '.join(missing)}"
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason}, which CI must have")
    pytest.skip(reason)


def require_nixpkgs() -> str:
    """The nixpkgs tree that FORAGE_NIXPKGS names, or else the test is skipped, in CI too.

    It is some hundred megabytes that no package manager of a CI image brings.
    """
    path = os.environ.get("FORAGE_NIXPKGS")
    if not path:
        pytest.skip("needs a nixpkgs tree, named by FORAGE_NIXPKGS")
    return path


def _present(need: str) -> bool:
    if need == "root":
        return os.geteuid() == 0
    return shutil.which(need) is not None
