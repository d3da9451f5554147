"""The AppArmor profile of the sandboxes: apparmor.d(5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from forage_gen.artifact import Artifact
from forage_gen.emit.render import TEMPLATES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from forage_gen.resolve import plan as p

PROFILE = "forage-sandbox"


def artifacts(_plan: p.Plan) -> Iterator[Artifact]:
    """Yield the one profile. Nothing that a person writes is in it, so nothing is quoted."""
    content = (TEMPLATES / "apparmor" / f"{PROFILE}.j2").read_bytes()
    yield Artifact(f"apparmor/{PROFILE}", content)
