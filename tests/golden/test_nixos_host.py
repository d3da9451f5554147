"""The trees in the example repositories of a host are what a build writes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HOSTS = ROOT / "examples" / "nixos-host"
VARIANTS = ("sops-nix", "agenix")


def test_every_variant_with_a_tree_is_tested() -> None:
    assert {path.parents[1].name for path in HOSTS.glob("*/forage/generated")} == set(VARIANTS)


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_tree_is_current_and_check_finds_nothing(variant: str) -> None:
    project = HOSTS.relative_to(ROOT) / variant / "forage"
    result = subprocess.run(
        [sys.executable, "-m", "forage_gen", "check", project, "--level", "info"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, f"{result.stderr}\nrun `forage-gen build {project}`"


def test_the_variants_differ_in_who_keeps_the_key_alone() -> None:
    one, other = (HOSTS / variant for variant in VARIANTS)
    files = {path.relative_to(one) for path in one.rglob("*") if path.is_file()}
    assert {path.relative_to(other) for path in other.rglob("*") if path.is_file()} == files
    differing = {
        str(path) for path in files if (one / path).read_bytes() != (other / path).read_bytes()
    }
    assert differing == {
        "flake.nix",
        "keys.nix",
        "forage/forage.toml",
        "forage/generated/manifest.json",
        "forage/generated/api/secrets.conf",
        "forage/generated/systemd/system/forage-api.service",
        "forage/generated/systemd/system/forage-api-key@anthropic.service.d/forage.conf",
    }
