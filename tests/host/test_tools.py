"""The readers of each format on the host find nothing to say about what was generated."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from forage_gen.emit.emit import emit
from tests.host.activate import compile_project
from tests.host.verify import units, verify
from tests.requirements import require

if TYPE_CHECKING:
    from pathlib import Path

    from tests.host.activate import Activated

TREE = "/etc/forage/tree"


def test_systemd_verifies_every_unit(forage: Activated) -> None:
    names = units(forage.plan)
    assert "systemd-nspawn@coder.service" in names
    assert verify(forage.host, names) == ""


def test_nft_accepts_the_rules(forage: Activated) -> None:
    forage.host.run("nft", "--check", "-I", f"{TREE}/nftables", "-f", f"{TREE}/nftables/forage.nft")


def test_dnsmasq_accepts_every_resolver(forage: Activated) -> None:
    # Their units make the directories of names that are added while they run.
    script = f"""
        mkdir -p $(sed -n 's/^conf-dir="\\([^"]*\\)".*/\\1/p' {TREE}/resolver/templates/*.conf)
        for file in {TREE}/resolver/upstream.conf {TREE}/resolver/templates/*.conf; do
          dnsmasq --test --conf-file="$file" 2>&1
        done
    """
    said = forage.host.sh(script).stdout
    assert set(said.splitlines()) == {"dnsmasq: syntax check OK."}


@pytest.mark.parametrize("kind", ["scripts", "facts"])
def test_shellcheck_finds_nothing(tmp_path: Path, kind: str) -> None:
    require("shellcheck")
    files = []
    for artifact in emit(compile_project()):
        facts = artifact.path.startswith("sandboxes/") and artifact.path.endswith(".conf")
        if artifact.executable if kind == "scripts" else facts:
            file = tmp_path / artifact.path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(artifact.content)
            files.append(str(file))
    assert files
    done = subprocess.run(["shellcheck", *files], check=False, capture_output=True, text=True)
    assert done.stdout == ""


def test_every_script_stops_at_its_first_failure() -> None:
    scripts = [a for a in emit(compile_project()) if a.executable]
    assert scripts
    for script in scripts:
        code = [line for line in script.content.decode().splitlines() if line[:1] not in {"#", ""}]
        assert "set -euo pipefail" in code[:1], script.path
