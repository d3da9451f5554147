"""Every artifact of a plan."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from forage_gen.emit import (
    agents,
    api,
    apparmor,
    facts,
    git,
    guest_files,
    nftables,
    nix,
    nix_daemon,
    nspawn,
    proxy,
    resolver,
    shell,
    sources,
    ssh,
    systemd,
)
from forage_gen.emit.triggers import Triggers

if TYPE_CHECKING:
    from forage_gen.artifact import Artifact
    from forage_gen.resolve.plan import Plan

_TARGETS = (
    nix,
    nix_daemon,
    sources,
    nspawn,
    nftables,
    resolver,
    proxy,
    api,
    shell,
    agents,
    git,
    ssh,
    guest_files,
    facts,
    apparmor,
)


def emit(plan: Plan) -> list[Artifact]:
    """Make every file of the tree but its manifest, sorted by path."""
    made = list(chain.from_iterable(target.artifacts(plan) for target in _TARGETS))
    # Units hold digests of the other files, which a switch of NixOS compares them by.
    made += systemd.artifacts(plan, Triggers(made))
    return sorted(made, key=lambda artifact: artifact.path)
