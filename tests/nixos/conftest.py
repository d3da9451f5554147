"""The trees that the tests of the NixOS module run over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.nixos.trees import TREES

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(params=list(TREES.values()), ids=list(TREES))
def tree(request: pytest.FixtureRequest) -> Path:
    """Each tree in turn."""
    found: Path = request.param
    return found
