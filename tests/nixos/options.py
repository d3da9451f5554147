"""A host whose project is written as NixOS options."""

from __future__ import annotations

import hashlib
import sys
from typing import TYPE_CHECKING

from tests.nixos.nix import HERE, REPOSITORY, Evaluation, build, evaluation, path, text

if TYPE_CHECKING:
    from pathlib import Path

DEMO = HERE / "demo.nix"


def _version() -> str:
    """Tell one state of the compiler from another: Nix builds again what depends on it."""
    files = sorted((REPOSITORY / "forage_gen").rglob("*.*"))
    read = (file.read_bytes() for file in files if file.suffix in {".py", ".j2"})
    return hashlib.sha256(b"".join(read)).hexdigest()[:16]


# The package set of the tests may have no real Python, so the compiler is the one under test.
COMPILER = f"""
  pkgs.runCommand "forage-gen-{_version()}" {{ meta.mainProgram = "forage-gen"; }} ''
    mkdir -p $out/bin
    printf '#!/bin/sh\\nPYTHONPATH=%s exec %s -P -m forage_gen "$@"\\n' \\
      {text(REPOSITORY)} {text(sys.executable)} > $out/bin/forage-gen
    chmod +x $out/bin/forage-gen
  ''
"""


def host(options: str, imports: tuple[Path, ...] = ()) -> str:
    """One more NixOS module: Forage's, those in `imports`, and `options` under services.forage."""
    modules = " ".join(map(path, (REPOSITORY / "nixos-module", *imports)))
    return f"""
      {{ config, lib, pkgs, ... }}: {{
        imports = [ {modules} ({{ services.forage = {{ {options} }}; }}) ];
        services.forage.package = {COMPILER};
      }}
    """


def evaluated(attr: str, options: str = "", *, demo: bool = True) -> Evaluation:
    """The value of `attr` on such a host; with `demo`, the options are added to the example's."""
    return evaluation(None, attr, host(options, (DEMO,) if demo else ()))


def built(attr: str, options: str = "", *, demo: bool = True) -> Path:
    """Build the derivation that `attr` is on such a host."""
    return build(None, attr, host(options, (DEMO,) if demo else ()))
