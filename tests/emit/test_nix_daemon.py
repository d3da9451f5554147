"""What a template with a Nix daemon gets, and one without."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from forage_gen.emit.emit import emit
from forage_gen.read.load import load
from forage_gen.resolve.resolve import resolve

if TYPE_CHECKING:
    from pathlib import Path

PROJECT = """\
user = "alice"
[sandboxes.app]
template = "build"
workspace = "~/app"
"""
CONF = "guests/build/root/etc/forage/nix/nix.conf"
CACHE = "substituters = https://cache.nixos.org"


def files(root: Path, template: str) -> dict[str, str]:
    """The text of each file of the tree."""
    (root / "templates").mkdir()
    (root / "forage.toml").write_text(PROJECT)
    (root / "templates/build.toml").write_text(template)
    return {each.path: each.content.decode() for each in emit(resolve(load(root)).plan)}


def allowing(*hosts: str) -> str:
    listed = ", ".join(f'"{host}"' for host in hosts)
    return f'nixDaemon = true\nnetwork = "restricted"\nallowedHosts = [{listed}]\n'


@pytest.mark.parametrize(
    ("template", "has_cache"),
    [
        ('nixDaemon = true\nnetwork = "full"\n', True),
        ("nixDaemon = true\n", False),
        (allowing("cache.nixos.org"), True),
        (allowing("*.nixos.org"), True),
        (allowing("docs.example.org", "cache.nixos.org:443"), True),
        (allowing("cache.nixos.org:80"), False),
        (allowing("nixos.org", "*.cache.nixos.org"), False),
        (allowing("*.nixos.org", "!cache.nixos.org"), False),
        (allowing("*.nixos.org", "!*.cache.nixos.org"), True),
    ],
)
def test_it_asks_the_cache_where_the_sandbox_may(
    tmp_path: Path, template: str, *, has_cache: bool
) -> None:
    lines = files(tmp_path, template)[CONF].splitlines()

    assert (CACHE in lines) == has_cache
    assert ("substituters =" in lines) == (not has_cache)
    # Whatever the host's daemon does, in its own nix.conf.
    assert {"trusted-users =", "sandbox = true", "sandbox-fallback = false"} <= set(lines)


def test_a_nixos_guest_has_units_of_its_own_and_a_root_file_system_gets_them(
    tmp_path: Path,
) -> None:
    units = {
        f"guests/build/root/etc/systemd/system/nix-daemon.{kind}" for kind in ("service", "socket")
    }
    (tmp_path / "nixos").mkdir()
    (tmp_path / "rootfs").mkdir()

    assert not units & files(tmp_path / "nixos", "nixDaemon = true\n").keys()
    assert units <= files(tmp_path / "rootfs", 'nixDaemon = true\nrootfs = "/srv/r"\n').keys()


def test_without_it_the_hosts_store_is_all_there_is(tmp_path: Path) -> None:
    made = files(tmp_path, 'network = "none"\n')

    assert CONF not in made
    assert "guests/build/root/opt/forage/nix-daemon" not in made
    assert "BindReadOnly=/nix/store:/nix/store:idmap" in made["nspawn/app.nspawn"]
    assert "/nix/.forage" not in made["nspawn/app.nspawn"]
    assert "forage-nix@" not in made["systemd/system/systemd-nspawn@app.service.d/forage.conf"]
