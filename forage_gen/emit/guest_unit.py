"""Units that the system inside a root file system starts by itself: systemd.unit(5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from forage_gen.artifact import Artifact

if TYPE_CHECKING:
    from collections.abc import Iterator

HEAD = "# Written by forage-gen. Do not edit: change the project and run `forage-gen build`.\n"
_UNITS = "etc/systemd/system"


def guest_unit(root: str, name: str, text: str, wanted_by: str | None = None) -> Iterator[Artifact]:
    """Yield a unit, and what has a target want it: a drop-in, as the tree has no links."""
    yield Artifact(f"{root}/{_UNITS}/{name}", text.encode())
    if wanted_by is not None:
        drop_in = f"{HEAD}\n[Unit]\nWants={name}\n"
        yield Artifact(f"{root}/{_UNITS}/{wanted_by}.d/forage.conf", drop_in.encode())
