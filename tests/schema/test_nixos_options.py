"""The options of the NixOS module are what the models make of them."""

from __future__ import annotations

from pathlib import Path

from forage_gen.schema.nixos_options import render

FILE = Path(__file__).parents[2] / "nixos-module" / "options.nix"


def test_the_file_is_up_to_date() -> None:
    assert FILE.read_text() == render(), "run `python -m forage_gen.schema.nixos_options`"
