"""Trees to evaluate, and variants of them."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from tests.nixos.nix import FIXTURE, REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

TREES = {
    # By hand, for what the compiled example has no use of.
    "fixture": FIXTURE,
    # By the compiler; the golden tests hold it to what it writes today.
    "example": REPOSITORY / "golden/demo",
}


def templates(tree: Path) -> list[str]:
    """The templates that a tree has a NixOS guest for."""
    return sorted(module.stem for module in (tree / "guests").glob("*.nix"))


def with_sandboxes(target: Path, count: int) -> Path:
    """The fixture with so many sandboxes, of the same two templates."""
    shutil.copytree(FIXTURE, target)
    names = ["demo", "docs", "offline"]
    units = target / "systemd/system"
    for number in range(len(names), count):
        name = f"extra-{number}"
        names.append(name)
        drop_in = units / f"systemd-nspawn@{name}.service.d"
        drop_in.mkdir()
        (drop_in / "forage.conf").write_text("[Service]\nTasksMax=512\n")
        (target / f"nspawn/{name}.nspawn").write_text(f"[Exec]\nHostname={name}\n")
    module = target / "default.nix"
    module.write_text(
        module.read_text().replace(
            '"offline"\n', " ".join(f'"{name}"' for name in names[2:]) + "\n"
        )
    )
    return target


def replace(tree: Path, target: Path, file: str, old: str, new: str) -> Path:
    """A copy of a tree in which one file says something else."""
    shutil.copytree(tree, target)
    changed = (target / file).read_text()
    assert old in changed
    (target / file).write_text(changed.replace(old, new))
    return target
