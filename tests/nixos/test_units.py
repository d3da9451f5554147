"""The units of a tree among those of NixOS, built by NixOS's own script."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.nixos.nix import HERE, build, path

if TYPE_CHECKING:
    from pathlib import Path

UNITS = f"import {path(HERE / 'units.nix')} {{ inherit config lib pkgs utils; }}"


def test_units_and_drop_ins_arrive_beside_those_of_nixos(tree: Path) -> None:
    source = tree / "systemd/system"
    files = [file.relative_to(source) for file in source.rglob("*") if file.is_file()]

    built = build(tree, UNITS)

    assert files
    assert {str(file): (built / file).read_text() for file in files} == {
        str(file): (source / file).read_text() for file in files
    }
    assert (built / "systemd-nspawn@.service.d/overrides.conf").is_file()


def test_no_unit_depends_on_what_nixos_does_not_link(tree: Path) -> None:
    """NixOS drops a package's *.wants directories and reads no [Install] section.

    The one of forage.target is for other distributions: here the module wants it.
    """
    source = tree / "systemd/system"
    units = [file for file in source.rglob("*") if file.is_file()]

    assert not list(source.rglob("*.wants"))
    assert {unit.name for unit in units if "\n[Install]" in unit.read_text()} <= {"forage.target"}


def test_the_boot_reaches_the_tree(tree: Path) -> None:
    built = build(tree, UNITS)

    (wants,) = [
        line
        for line in (built / "multi-user.target.d/overrides.conf").read_text().splitlines()
        if line.startswith("Wants=")
    ]
    assert {"forage.target", "machines.target"} <= set(wants.removeprefix("Wants=").split())


def test_scripts_of_a_drop_in_find_the_systems_programs(tree: Path) -> None:
    """NixOS's drop-in is read last and sets PATH, so it has to be the one that is right."""
    built = build(tree, UNITS)

    overrides = (built / "systemd-nspawn@.service.d/overrides.conf").read_text()

    assert 'Environment="PATH=/run/current-system/sw/bin:' in overrides
    for drop_in in built.glob("systemd-nspawn@?*.service.d/*"):
        # One of the same name for the instance would hide the template's.
        assert drop_in.name != "overrides.conf"
