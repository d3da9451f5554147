"""Prefixes of a list may lie in each other: nft, which takes none that overlap, loads the rules."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from forage_gen.emit.emit import emit
from tests.read.projects import resolved
from tests.requirements import require

if TYPE_CHECKING:
    from pathlib import Path

PROJECT = """\
user = "alice"
subnet = "192.168.9.0/24"
ipv6Subnet = "fd5c:3a1e:77b0::/64"
[sandboxes.app]
template = "app"
workspace = "/srv/app"
"""
OWN = 'network = "restricted"\nallowedHosts = {}\n'
INHERITED = 'extends = "base"\nallowedHosts = {}\n'
LISTS = {
    "a prefix in another": (["10.0.0.0/8", "10.1.0.0/16"], ["10.200.0.1", "10.1.2.3"]),
    "an address in a prefix": (["10.1.2.3", "10.1.0.0/16"], ["10.1.2.3", "10.1.9.9"]),
    "of a port": (["10.0.0.0/9:80", "10.0.0.0/10:80"], ["10.100.0.1 . 80", "10.1.0.1 . 80"]),
    "of another port": (
        ["10.0.0.0/9:80", "10.0.0.0/10:443", "10.0.0.0/16"],
        ["10.100.0.1 . 80", "10.1.0.1 . 443", "10.0.0.1"],
    ),
    "one after another": (
        ["10.0.0.0/16", "10.0.1.0/24", "10.1.0.0/16", "10.1.1.0/24", "10.2.0.0/24"],
        ["10.0.200.1", "10.1.1.1", "10.2.0.255"],
    ),
    "of IPv6": (
        ["2001:db8::/32", "2001:db8:1::/48", "2001:db8:2::1"],
        ["2001:db8:ffff::1", "2001:db8:1::9", "2001:db8:2::1"],
    ),
    "of IPv6 and a port": (
        ["[2001:db8::/32]:80", "[2001:db8:1::/48]:80"],
        ["2001:db8:ffff::1 . 80", "2001:db8:1::9 . 80"],
    ),
}


@pytest.mark.parametrize("case", LISTS)
@pytest.mark.parametrize("inherited", [False, True], ids=["own", "one of them inherited"])
def test_prefixes_that_overlap_load_and_open_all_that_is_listed(
    tmp_path: Path, case: str, *, inherited: bool
) -> None:
    require("root", "nft", "unshare")
    hosts, opened = LISTS[case]
    files = {"forage.toml": PROJECT, "templates/app.toml": OWN.format(hosts)}
    if inherited:
        files["templates/app.toml"] = INHERITED.format(hosts[1:])
        files["templates/base.toml"] = OWN.format(hosts[:1])
    for artifact in emit(resolved(tmp_path, files).plan):
        path = tmp_path / "tree" / artifact.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(artifact.content)

    rules = tmp_path / "tree/nftables"
    script = f"nft -I {rules} -f {rules}/forage.nft\n"
    for element in opened:
        kind = "services" if " . " in element else "hosts"
        family = "_v6" if "::" in element else ""
        script += f"nft get element inet forage t_app_{kind}{family} '{{ {element} }}'\n"
    subprocess.run(["unshare", "--net", "bash", "-euc", script], check=True, timeout=60)
