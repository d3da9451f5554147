"""The NixOS system inside a sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from forage_gen.emit.guest_files import JOURNAL
from forage_gen.emit.guest_masks import GENERATORS, UNITS
from forage_gen.emit.guest_unit import HEAD
from forage_gen.emit.ssh import PATH as SSH_CONFIG
from forage_gen.resolve.plan import SSH_AUTH_SOCK
from tests.nixos.nix import FIXTURE, JSON, NixError, evaluate
from tests.nixos.trees import replace, templates

if TYPE_CHECKING:
    from pathlib import Path


def guest(attr: str, template: str = "claude", *, tree: Path = FIXTURE, extra: str = "{ }") -> JSON:
    """The value of `attr` in the guest of a template, where `config` is the guest's."""
    return evaluate(tree, *_guest(attr, template, extra))


def _guest(attr: str, template: str, extra: str) -> tuple[str, str]:
    return (
        f"(config: {attr}) config.services.forage.guests.{template}.nixos.config",
        f"{{ services.forage.guests.{template}.extraModules = [ ({extra}) ]; }}",
    )


ENABLED_UNITS = "lib.attrNames (lib.filterAttrs (_: unit: unit.enable) config.systemd.units)"


def test_every_guest_evaluates_without_a_warning(tree: Path) -> None:
    found = evaluate(
        tree,
        """lib.mapAttrs (_: guest: {
          inherit (guest.nixos.config) warnings;
          failed = map (a: a.message) (lib.filter (a: !a.assertion) guest.nixos.config.assertions);
          inherit (guest.nixos.config.boot) isContainer;
          template = guest.nixos.config.forage.guest.template;
        }) config.services.forage.guests""",
    )

    assert found == {
        name: {"warnings": [], "failed": [], "isContainer": True, "template": name}
        for name in templates(tree)
    }


def test_the_agent_is_the_workspaces_owner() -> None:
    found = guest(
        """{
          inherit (config.users.users.agent) uid group home hashedPassword initialPassword;
          inherit (config.users) mutableUsers;
          gid = config.users.groups.users.gid;
          extra = config.users.users.agent.extraGroups;
        }"""
    )

    assert found == {
        "uid": 1000,
        "gid": 100,
        "group": "users",
        "home": "/home/agent",
        "hashedPassword": None,
        "initialPassword": None,
        "mutableUsers": False,
        "extra": [],
    }


def test_it_starts_as_little_as_a_root_file_system_does() -> None:
    found = guest("{ inherit (config.systemd) generators suppressedSystemUnits; }")

    assert found == {
        "generators": dict.fromkeys(GENERATORS, "/dev/null"),
        "suppressedSystemUnits": sorted(UNITS),
    }


def test_its_log_takes_as_little_memory() -> None:
    text = guest('config.environment.etc."systemd/journald.conf.d/forage.conf".text')

    assert text == JOURNAL.removeprefix(HEAD).lstrip()


def test_a_group_of_its_own_where_the_number_is_not_that_of_users(tmp_path: Path) -> None:
    tree = replace(FIXTURE, tmp_path / "tree", "guests/claude.nix", "gid = 100;", "gid = 1234;")

    found = guest(
        "{ inherit (config.users.users.agent) group; inherit (config.users.groups.agent) gid; }",
        tree=tree,
    )

    assert found == {"group": "agent", "gid": 1234}


def test_ssh_finds_the_key_on_the_host(tmp_path: Path) -> None:
    line = 'template = "claude";'
    more = f'{line}\n    sshAuthSock = "{SSH_AUTH_SOCK}";'
    tree = replace(FIXTURE, tmp_path / "tree", "guests/claude.nix", line, more)
    attr = """{
      socket = config.environment.variables.SSH_AUTH_SOCK or null;
      first = builtins.head (
        lib.filter (lib.hasPrefix "Include") (
          lib.splitString "\\n" config.environment.etc."ssh/ssh_config".text
            ++ [ "Include nothing" ]
        )
      );
    }"""

    found = guest(attr, tree=tree)
    assert found == {"socket": SSH_AUTH_SOCK, "first": f"Include /{SSH_CONFIG}"}
    assert guest(attr) == {"socket": None, "first": "Include nothing"}


@pytest.mark.parametrize("number", ["0", "65534", "100000"])
def test_a_number_that_a_sandbox_does_not_have_is_refused(tmp_path: Path, number: str) -> None:
    tree = replace(
        FIXTURE, tmp_path / "tree", "guests/claude.nix", "uid = 1000;", f"uid = {number};"
    )

    with pytest.raises(
        NixError, match=r"services\.forage\.guests\.claude\.nixos\.forage\.guest\.uid"
    ):
        guest("config.users.users.agent.uid", tree=tree)


def test_no_way_to_become_root() -> None:
    found = guest(
        """{
          sudo = config.security.sudo.enable;
          wrapper = config.security.wrappers ? sudo;
          passwords = lib.filterAttrs (_: user:
            user.hashedPassword != null || user.password != null || user.initialPassword != null
            || user.initialHashedPassword != null && user.initialHashedPassword != "!"
          ) config.users.users;
        }"""
    )

    assert found == {"sudo": False, "wrapper": False, "passwords": {}}


def test_the_name_and_the_network_come_from_outside() -> None:
    found = guest(
        """{
          hostname = config.environment.etc ? hostname;
          hosts = config.networking.hosts;
          dhcp = config.networking.useDHCP || config.networking.dhcpcd.enable;
          firewall = config.networking.firewall.enable;
          resolvconf = config.networking.resolvconf.enable || config.networking.useHostResolvConf;
          nss = lib.elem "myhostname" config.system.nssDatabases.hosts;
        }"""
    )

    assert found == {
        "hostname": False,
        "hosts": {"127.0.0.2": [], "::1": []},
        "dhcp": False,
        "firewall": False,
        "resolvconf": False,
        "nss": True,
    }


def test_nothing_of_the_guest_is_where_the_host_puts_files() -> None:
    found = guest(
        """lib.intersectLists (lib.attrNames config.environment.etc)
          [ "resolv.conf" "gitconfig" "claude-code/managed-settings.json" "hostname" ]"""
    )

    assert found == []


def test_the_agents_program_is_linked_where_its_wrapper_looks() -> None:
    program = guest('"${config.environment.etc."forage/agents/claude".source}"')

    assert "claude-code" in str(program)
    assert "/bin/" in str(program)


def test_wrappers_win_over_the_programs_themselves() -> None:
    # PATH is made of the profiles in their order.
    profiles = guest("config.environment.profiles")

    assert isinstance(profiles, list)
    assert profiles[0] == "/opt/forage"


def test_the_init_script_runs_as_the_agent_before_anybody_is_let_in() -> None:
    unit = str(guest('config.systemd.units."forage-init.service".text'))

    for line in (
        "User=agent",
        "WorkingDirectory=/workspace",
        "Type=oneshot",
        "Before=systemd-user-sessions.service",
        "WantedBy=multi-user.target",
    ):
        assert line in unit.splitlines()


def test_without_an_init_script_there_is_no_unit() -> None:
    units = guest(ENABLED_UNITS, "offline")

    assert isinstance(units, list)
    assert "forage-init.service" not in units


def test_nix_has_a_daemon_inside_that_the_host_prepares() -> None:
    found = guest(
        f"""{{
          remote = config.environment.variables.NIX_REMOTE;
          daemon = lib.filter (lib.hasPrefix "nix-daemon") ({ENABLED_UNITS});
          inherit (config.systemd.services.nix-daemon.serviceConfig) ExecStart KillMode;
          path = map lib.getName config.systemd.services.nix-daemon.path;
          builders = lib.length (
            lib.filter (lib.hasPrefix "nixbld") (lib.attrNames config.users.users)
          );
          nix = lib.elem "nix" (map lib.getName config.environment.systemPackages);
        }}"""
    )

    assert isinstance(found, dict)
    path = found.pop("path")
    assert isinstance(path, list)
    assert {"nix", "bash", "util-linux"} <= set(map(str, path))
    assert found == {
        "remote": "daemon",
        "daemon": ["nix-daemon.service", "nix-daemon.socket"],
        "ExecStart": ["", "/opt/forage/nix-daemon"],
        "KillMode": "mixed",
        "builders": 32,
        "nix": True,
    }


def test_without_the_daemon_there_is_no_nix() -> None:
    found = guest(
        f"""{{
          units = lib.filter (lib.hasPrefix "nix-") ({ENABLED_UNITS});
          conf = config.environment.etc ? "nix/nix.conf";
          nix = lib.elem "nix" (map lib.getName config.environment.systemPackages);
        }}""",
        "offline",
    )

    assert found == {"units": [], "conf": False, "nix": False}


def test_no_ssh_server_without_a_key() -> None:
    units = guest(ENABLED_UNITS)

    assert isinstance(units, list)
    assert not [unit for unit in units if str(unit).startswith("sshd")]


def test_ssh_lets_the_agent_in_by_key_and_nobody_else() -> None:
    found = guest(
        """{
          inherit (config.services.openssh) enable;
          inherit (config.services.openssh.settings)
            AllowUsers KbdInteractiveAuthentication PasswordAuthentication PermitRootLogin;
          inherit (config.users.users.agent.openssh.authorizedKeys) keys;
          root = config.users.users.root.openssh.authorizedKeys.keys;
        }""",
        extra='{ forage.guest.authorizedKeys = [ "ssh-ed25519 AAAA alice@laptop" ]; }',
    )

    assert found == {
        "enable": True,
        "AllowUsers": ["agent"],
        "KbdInteractiveAuthentication": False,
        "PasswordAuthentication": False,
        "PermitRootLogin": "no",
        "keys": ["ssh-ed25519 AAAA alice@laptop"],
        "root": [],
    }


def test_people_can_add_configuration() -> None:
    assert guest("config.programs.direnv.enable", extra="{ programs.direnv.enable = true; }")


def test_what_an_agent_works_with_is_there_and_no_manual() -> None:
    names = guest("map lib.getName config.environment.systemPackages")

    assert isinstance(names, list)
    assert {"git", "jujutsu", "ripgrep", "requests", "tmux"} <= set(names)
    assert not {"man-db", "nixos-rebuild", "perl", "sudo"} & set(names)
