"""The AppArmor profile of the sandboxes: apparmor.d(5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from forage_gen.artifact import Artifact
from forage_gen.emit.render import unchanged

if TYPE_CHECKING:
    from collections.abc import Iterator

    from forage_gen.resolve import plan as p

PROFILE = "forage-sandbox"


def artifacts(_plan: p.Plan) -> Iterator[Artifact]:
    """Yield the one profile."""
    yield Artifact(f"apparmor/{PROFILE}", unchanged(f"apparmor/{PROFILE}.j2"))
