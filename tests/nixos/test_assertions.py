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


def with_shared_users(tmp_path: Path) -> Path:
    return replace(
        FIXTURE, tmp_path / "tree", "default.nix", "sharedUsers = [ ]", 'sharedUsers = [ "claude" ]'
    )


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


def guest_nix(attributes: str) -> str:
    """A guest in which Nix says this of itself."""
    return f"""{{ pkgs, ... }}: {{
      services.forage.guests.claude.extraModules = [
        {{ nix.package = pkgs.nix // {{ {attributes} }}; }}
      ];
    }}"""


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ('pname = "nix"; version = "2.21.4";', "nix 2.21.4"),
        ('pname = "lix"; version = "2.93.0";', "lix 2.93.0"),
    ],
)
def test_a_nix_without_overlay_stores_is_refused_inside(attributes: str, said: str) -> None:
    (message,) = failed(guest_nix(attributes))

    assert message.startswith("services.forage.guests.claude: ")
    assert f"The Nix inside is {said}" in message
    assert "pkgs.nixVersions.latest" in message
    assert "nixDaemon = false" in message


def test_what_the_hosts_own_daemon_does_is_nobodys_business() -> None:
    assert failed('{ nix.settings = { sandbox = false; trusted-users = [ "*" ]; }; }') == []


def test_no_guest_takes_over_a_setting_of_the_hosts_daemon() -> None:
    attr = """{
      inherit (config.services.forage.guests.claude) system;
      inherit (config.services.forage.guests.claude.nixos.config.nix.settings) sandbox;
    }"""

    loose = evaluate(FIXTURE, attr, "{ nix.settings.sandbox = false; }")

    assert loose == evaluate(FIXTURE, attr)
    assert isinstance(loose, dict)
    assert loose["sandbox"] is True


@pytest.mark.parametrize(
    ("extra_nix", "entry"),
    [
        ('{ nix.settings.trusted-users = [ "alice" ]; }', "alice"),
        ('{ nix.settings.trusted-users = [ "*" ]; }', "*"),
        ('{ nix.settings.trusted-users = [ "@users" ]; }', "@users"),
        (
            """{
              nix.settings.trusted-users = [ "@wheel" ];
              users.users.alice.extraGroups = [ "wheel" ];
            }""",
            "@wheel",
        ),
        (
            """{
              nix.settings.trusted-users = [ "@builders" ];
              users.groups.builders.members = [ "alice" ];
            }""",
            "@builders",
        ),
        ('{ nix.settings.trusted-users = [ "bob" "@wheel" ]; }', ""),
        ('{ nix = { enable = false; settings.trusted-users = [ "alice" ]; }; }', ""),
    ],
)
def test_who_shares_the_owners_number_may_not_be_trusted_by_the_hosts_daemon(
    tmp_path: Path, extra_nix: str, entry: str
) -> None:
    messages = failed(extra_nix, with_shared_users(tmp_path))

    assert [f'nix.settings.trusted-users has "{entry}"' in each for each in messages] == (
        [True] if entry else []
    )


@pytest.mark.parametrize(
    ("extra_nix", "said"),
    [
        (version("systemd", "253.5"), "systemd is 253.5"),
        (version("util-linux", "2.38.1"), "util-linux is 2.38.1"),
        (version("dnsmasq", "2.89"), "dnsmasq is 2.89"),
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


def with_ipv6(tmp_path: Path, interface: str) -> Path:
    """A tree whose sandboxes have IPv6, and that translates for an interface or for none."""
    return replace(
        *(FIXTURE, tmp_path / "tree", "default.nix", '    externalInterface = "eth0";\n'),
        f'{interface}    ipv6Subnet = "fd5c:3a1e:77b0::/64";\n',
    )


def test_an_ipv6_prefix_that_nobody_translates_is_refused(tmp_path: Path) -> None:
    tree = with_ipv6(tmp_path, "")
    nat = 'networking.nat = { enable = true; externalInterface = "eth0";'

    (message,) = failed(f"{{ {nat} }}; }}", tree)

    assert "fd5c:3a1e:77b0::/64, which nobody routes" in message
    assert "networking.nat.enableIPv6" in message
    assert failed(f"{{ {nat} enableIPv6 = true; }}; }}", tree) == []


@pytest.mark.parametrize(
    ("extra_nix", "said"),
    [
        ("{ }", ""),
        ("{ networking.enableIPv6 = false; }", "networking.enableIPv6 is false"),
        ('{ boot.kernel.sysctl."net.ipv6.conf.all.forwarding" = false; }', "to forward"),
    ],
)
def test_a_host_that_cannot_forward_ipv6_is_told(tmp_path: Path, extra_nix: str, said: str) -> None:
    messages = failed(extra_nix, with_ipv6(tmp_path, '    externalInterface = "eth0";\n'))

    assert [said in message for message in messages] == ([True] if said else [])
