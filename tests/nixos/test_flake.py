"""The flake, and the files for those without flakes."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.nixos.nix import FIXTURE, HERE, REPOSITORY, path, text
from tests.requirements import require, require_nixpkgs

if TYPE_CHECKING:
    from pathlib import Path

NIX = ("nix", "--extra-experimental-features", "nix-command flakes")
OURS = (
    *("flake.nix", "default.nix", "shell.nix", "nix", "nixos-module"),
    *("CONTRIBUTING.md", "SECURITY.md", "benchmarks", "docs", "examples", "golden", "scripts"),
    "tests",
)
SYSTEMS = ("x86_64-linux", "aarch64-linux")
SOURCES = ("LICENSE", "README.md", "forage_gen", "pyproject.toml", "templates")


def run(*command: str) -> str:
    finished = subprocess.run(command, check=False, capture_output=True, text=True, timeout=600)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


@pytest.fixture(scope="module")
def flake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The flake without the repository's history, which Nix would copy as well."""
    require("nix", "nix-instantiate")
    require_nixpkgs()
    target = tmp_path_factory.mktemp("flake")
    for name in (*OURS, *SOURCES):
        source = REPOSITORY / name
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            shutil.copy(source, target)
    return target


def test_the_flake_checks(flake: Path) -> None:
    nixpkgs = f"path:{require_nixpkgs()}"

    run(
        *(*NIX, "flake", "check", "--no-build", f"path:{flake}"),
        *("--override-input", "nixpkgs", nixpkgs),
    )


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("output", ["packages", "devShells", "formatter", "apps", "checks"])
def test_the_flake_has_each_output_for_each_system(flake: Path, output: str, system: str) -> None:
    names = {
        "packages": ["default", "docs"],
        "checks": [
            *("drift-agenix", "drift-demo", "drift-sops-nix"),
            *("example-host", "lint", "tests", "vm"),
        ],
    }
    found = run(
        *(*NIX, "eval", "--json", f"path:{flake}#{output}.{system}"),
        *("--override-input", "nixpkgs", f"path:{require_nixpkgs()}"),
        *("--apply", "x: if x ? drvPath then [ ] else builtins.attrNames x"),
    )
    expected = [] if output == "formatter" else names.get(output, ["default"])
    assert json.loads(found) == expected


def test_a_host_imports_the_module_and_the_tree_and_nothing_more(
    flake: Path, tmp_path: Path
) -> None:
    shutil.copytree(FIXTURE, tmp_path / "generated")
    shutil.copy(HERE / "host.nix", tmp_path)
    (tmp_path / "flake.nix").write_text(
        f"""{{
          inputs.nixpkgs.url = {text(f"path:{require_nixpkgs()}")};
          inputs.forage.url = {text(f"path:{flake}")};
          inputs.forage.inputs.nixpkgs.follows = "nixpkgs";

          outputs = inputs: {{
            nixosConfigurations.host = inputs.nixpkgs.lib.nixosSystem {{
              modules = [
                {{
                  imports = [ inputs.forage.nixosModules.default ./generated ];
                  nixpkgs.hostPlatform = "aarch64-linux";
                }}
                ./host.nix
              ];
            }};
          }};
        }}"""
    )

    config = f"path:{tmp_path}#nixosConfigurations.host.config"
    found = json.loads(
        run(
            *(*NIX, "eval", "--json", "--no-write-lock-file", config),
            "--apply",
            """config: {
              system = config.system.build.toplevel.drvPath;
              pinned = config.services.forage.guests.claude.nixos.config.nix.registry.nixpkgs.to;
              host = toString config.nixpkgs.flake.source;
              isNixpkgs = builtins.pathExists (config.nixpkgs.flake.source + "/nixos/lib");
            }""",
        )
    )

    assert found["system"].endswith(".drv")
    assert found["pinned"] == {"type": "path", "path": found["host"]}
    assert found["isNixpkgs"]


@pytest.mark.parametrize("file", ["default.nix", "shell.nix"])
def test_those_without_flakes_are_served(flake: Path, file: str) -> None:
    nixpkgs = f"{{ pkgs = import {path_of_nixpkgs()} {{ }}; }}"

    found = run(
        *("nix-instantiate", "--eval", "--readonly-mode", "-E"),
        f"(import {path(flake / file)} {nixpkgs}).drvPath",
    )

    assert json.loads(found).endswith(".drv")


def path_of_nixpkgs() -> str:
    return f"(/. + {text(require_nixpkgs())})"
