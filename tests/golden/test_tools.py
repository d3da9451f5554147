"""What the tools of each language say of the whole output of the example."""

from __future__ import annotations

import subprocess

from tests.golden.test_golden import GOLDEN
from tests.requirements import require


def test_nft_takes_the_rules() -> None:
    require("root", "nft", "unshare")
    rules = GOLDEN / "nftables"
    # A network namespace of its own: a check, too, looks at the rules that are loaded.
    subprocess.run(
        ["unshare", "--net", "nft", "-I", rules, "--check", "-f", rules / "forage.nft"], check=True
    )


def test_dnsmasq_takes_the_resolvers() -> None:
    require("dnsmasq")
    for file in sorted((GOLDEN / "resolver").rglob("*.conf")):
        subprocess.run(["dnsmasq", "--test", f"--conf-file={file}"], check=True)


def test_nix_parses_the_modules() -> None:
    require("nix-instantiate")
    files = sorted(GOLDEN.rglob("*.nix"))
    assert files
    subprocess.run(["nix-instantiate", "--parse", *files], check=True, capture_output=True)
