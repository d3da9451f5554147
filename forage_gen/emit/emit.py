"""Every artifact of a plan."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from forage_gen.emit import (
    agents,
    facts,
    git,
    guest_files,
    network_env,
    nftables,
    nix,
    nspawn,
    resolver,
    shell,
    sources,
    systemd,
)

if TYPE_CHECKING:
    from forage_gen.artifact import Artifact
    from forage_gen.resolve.plan import Plan

_TARGETS = (
    nix,
    sources,
    nspawn,
    systemd,
    network_env,
    nftables,
    resolver,
    shell,
    agents,
    git,
    guest_files,
    facts,
)


def emit(plan: Plan) -> list[Artifact]:
    """Make every file of the tree but its manifest, sorted by path."""
    made = chain.from_iterable(target.artifacts(plan) for target in _TARGETS)
    return sorted(made, key=lambda artifact: artifact.path)
