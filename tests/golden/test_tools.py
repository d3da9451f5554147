"""What the tools of each language say of the whole output of the example."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

from forage_gen.resolve import plan as p
from tests.golden.test_golden import GOLDEN
from tests.requirements import require

if TYPE_CHECKING:
    from pathlib import Path


def test_nft_takes_the_rules() -> None:
    require("root", "nft", "unshare")
    rules = GOLDEN / "nftables"
    # A network namespace of its own: a check, too, looks at the rules that are loaded.
    subprocess.run(
        ["unshare", "--net", "nft", "-I", rules, "--check", "-f", rules / "forage.nft"], check=True
    )


def test_dnsmasq_takes_the_resolvers(tmp_path: Path) -> None:
    require("dnsmasq")
    for file in sorted((GOLDEN / "resolver").rglob("*.conf")):
        # Its unit makes the directory before it starts.
        copy = tmp_path / file.name
        copy.write_text(re.sub(f"{p.ADDED_NAMES}/[a-z0-9-]+", str(tmp_path), file.read_text()))
        subprocess.run(["dnsmasq", "--test", f"--conf-file={copy}"], check=True)
        copy.unlink()


def test_nix_parses_the_modules() -> None:
    require("nix-instantiate")
    files = sorted(GOLDEN.rglob("*.nix"))
    assert files
    subprocess.run(["nix-instantiate", "--parse", *files], check=True, capture_output=True)
