"""Fixtures of the tests of the writer."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.requirements import require

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def fast(tmp_path: Path) -> Iterator[Path]:
    """A directory in memory, for tests that make thousands of trees."""
    memory = Path("/dev/shm")
    if not memory.is_dir():
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=memory, prefix="forage-") as name:
        yield Path(name)


@pytest.fixture
def mounts(tmp_path: Path) -> Path:
    """A directory to mount things in."""
    require("root", "mount", "umount")
    return tmp_path


@pytest.fixture
def public() -> Iterator[Path]:
    """A directory that another user can get to; that of pytest is for its owner alone."""
    require("root")
    with tempfile.TemporaryDirectory(prefix="forage-") as name:
        path = Path(name)
        path.chmod(0o755)
        yield path
