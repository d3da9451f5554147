"""What a host must not have, or lack, is told at evaluation, with the remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.nixos.nix import FIXTURE, evaluate
from tests.nixos.trees import replace

if TYPE_CHECKING:
    from pathlib import Path

FAILED = "map (a: a.message) (lib.filter (a: !a.assertion) config.assertions)"


def failed(extra_nix: str, tree: Path = FIXTURE) -> list[str]:
    """The messages of the assertions that fail, each on one line."""
    found = evaluate(tree, FAILED, extra_nix)
    assert isinstance(found, list)
    return [" ".join(str(message).split()) for message in found]


def without_daemon(tmp_path: Path) -> Path:
    return replace(
        FIXTURE, tmp_path / "tree", "default.nix", 'nixDaemon = [ "claude" ]', "nixDaemon = [ ]"
    )


def with_shared_users(tmp_path: Path) -> Path:
    return replace(
        FIXTURE, tmp_path / "tree", "default.nix", "sharedUsers = [ ]", 'sharedUsers = [ "claude" ]'
    )


EVERYBODY = '{ nix.settings.trusted-users = [ "root" "*" ]; }'
OWNER = '{ nix.settings.trusted-users = [ "root" "alice" ]; }'
WHEEL = """{
  nix.settings.trusted-users = [ "root" "@wheel" ];
  users.users.alice.extraGroups = [ "wheel" ];
}"""
OTHER_GROUP = '{ nix.settings.trusted-users = [ "root" "@wheel" ]; }'
NO_SANDBOX = "{ nix.settings.sandbox = false; }"
RELAXED = '{ nix.settings.sandbox = "relaxed"; }'


def version(package: str, value: str) -> str:
    """A host on which a package says that it is of this version."""
    return f"""{{ lib, pkgs, ... }}: {{
      nixpkgs.overlays = lib.mkAfter [ (final: prev: {{
        {package} = prev.{package} // {{ version = "{value}"; }};
      }}) ];
    }}"""


KERNEL = "{ pkgs, ... }: { boot.kernelPackages = pkgs.linuxKernel.packages.linux_5_10; }"


def test_a_host_without_them_is_fine() -> None:
    assert failed("{ }") == []


def test_a_daemon_that_trusts_everybody_is_refused() -> None:
    (message,) = failed(EVERYBODY)

    assert 'nix.settings.trusted-users has "*"' in message
    assert 'sandboxes from "claude"' in message
    assert "nixDaemon = false" in message


@pytest.mark.parametrize("extra_nix", [OWNER, WHEEL])
def test_one_that_trusts_the_owner_is_refused_where_the_agent_is_the_owner(
    tmp_path: Path, extra_nix: str
) -> None:
    (message,) = failed(extra_nix, with_shared_users(tmp_path))

    assert "nix.settings.trusted-users has" in message


@pytest.mark.parametrize("extra_nix", [OWNER, WHEEL])
def test_elsewhere_the_agent_is_nobody_that_the_daemon_knows(extra_nix: str) -> None:
    assert failed(extra_nix) == []


def test_a_group_without_the_owner_is_no_danger(tmp_path: Path) -> None:
    assert failed(OTHER_GROUP, with_shared_users(tmp_path)) == []


@pytest.mark.parametrize("extra_nix", [NO_SANDBOX, RELAXED])
def test_builds_without_a_sandbox_are_refused(extra_nix: str) -> None:
    (message,) = failed(extra_nix)

    assert "nix.settings.sandbox is not true" in message
    assert "nixDaemon = false" in message


@pytest.mark.parametrize("extra_nix", [EVERYBODY, NO_SANDBOX, RELAXED])
def test_without_the_daemon_its_settings_are_nobodys_business(
    tmp_path: Path, extra_nix: str
) -> None:
    assert failed(extra_nix, without_daemon(tmp_path)) == []


@pytest.mark.parametrize(
    ("extra_nix", "said"),
    [
        (version("systemd", "253.5"), "systemd is 253.5"),
        (version("util-linux", "2.38.1"), "util-linux is 2.38.1"),
        (KERNEL, "The kernel is 5.10."),
    ],
)
def test_what_is_too_old_is_named_with_what_is_needed(extra_nix: str, said: str) -> None:
    (message,) = [each for each in failed(extra_nix) if said in each]

    assert "or later" in message


def test_an_old_kernel_will_do_for_who_shares_the_hosts_users(tmp_path: Path) -> None:
    tree = with_shared_users(tmp_path)

    (message,) = [each for each in failed(KERNEL, tree) if "kernel" in each]

    assert '"offline" need 6.3' in message
    assert '"claude"' not in message


def test_a_network_that_nobody_translates_is_refused(tmp_path: Path) -> None:
    tree = replace(
        FIXTURE, tmp_path / "tree", "default.nix", '    externalInterface = "eth0";\n', ""
    )

    (message,) = failed("{ }", tree)

    assert 'sandboxes from "claude" have a network' in message
    assert 'externalInterface = "eth0"' in message
    nat = '{ networking.nat = { enable = true; externalInterface = "eth0"; }; }'
    assert failed(nat, tree) == []
