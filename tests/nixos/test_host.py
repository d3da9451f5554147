"""What a NixOS host makes of a tree."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from forage_gen.resolve.plan import PROXY_UID
from tests.nixos.nix import (
    FIXTURE,
    REPOSITORY,
    Evaluation,
    NixError,
    evaluate,
    evaluation,
    expression,
    function_calls,
)
from tests.nixos.trees import replace, templates, with_sandboxes
from tests.requirements import require

if TYPE_CHECKING:
    from pathlib import Path

NFTABLES = "{ networking.nftables.enable = true; }"
FAILED = "map (a: a.message) (lib.filter (a: !a.assertion) config.assertions)"
SYSTEM = "config.system.build.toplevel.drvPath"


def failed(extra_nix: str, tree: Path = FIXTURE) -> list[str]:
    """The messages of the assertions that fail, each on one line."""
    messages = evaluate(tree, FAILED, extra_nix)
    assert isinstance(messages, list)
    return [" ".join(str(message).split()) for message in messages]


def added_warnings(found: Evaluation, extra_nix: str = "") -> set[str]:
    """What Nix warned of that it does not on a host without Forage: nixpkgs warns as well."""
    added = set(found.warnings) - set(evaluation(None, SYSTEM).warnings)
    return added and added - set(evaluation(None, SYSTEM, extra_nix).warnings)


def test_the_proxies_have_the_number_that_the_fence_knows() -> None:
    found = evaluate(FIXTURE, "{ inherit (config.users.users.forage-proxy) uid group; }")
    assert found == {"uid": PROXY_UID, "group": "forage-proxy"}
    assert evaluate(FIXTURE, "config.users.groups.forage-proxy.gid") == PROXY_UID


def test_a_tree_is_a_system_without_a_warning(tree: Path) -> None:
    found = evaluation(
        tree, f"{{ system = {SYSTEM}; inherit (config) warnings; failed = {FAILED}; }}"
    )

    assert isinstance(found.value, dict)
    assert str(found.value.pop("system")).endswith(".drv")
    assert found.value == {"warnings": [], "failed": []}
    assert not added_warnings(found)


@pytest.mark.parametrize(
    "extra_nix",
    [
        NFTABLES,
        "{ networking.nftables.enable = true; networking.firewall.filterForward = true; }",
        "{ networking.firewall.enable = false; }",
        "{ networking.useNetworkd = true; services.resolved.enable = true; }",
        """{ lib, ... }: {
          networking.networkmanager = { enable = true; plugins = lib.mkForce [ ]; };
        }""",
        "{ virtualisation.docker.enable = true; }",
        "{ virtualisation.libvirtd.enable = true; }",
        """{
          networking.nftables = { enable = true; flushRuleset = true; };
          networking.nat = { enable = true; externalInterface = "eth0"; };
        }""",
        '{ networking.nat = { enable = true; externalInterface = "eth0"; }; }',
        """{
          services.nginx = { enable = true; virtualHosts."example.org".root = "/var/www"; };
        }""",
        '{ systemd.nspawn.other.execConfig.Hostname = "other"; }',
        '{ containers.other.config.system.stateVersion = "24.05"; }',
        '{ services.dnsmasq = { enable = true; settings.server = [ "9.9.9.9" ]; }; }',
    ],
)
def test_a_tree_fits_in_with_what_hosts_have(extra_nix: str) -> None:
    found = evaluation(FIXTURE, f"{{ system = {SYSTEM}; inherit (config) warnings; }}", extra_nix)

    assert isinstance(found.value, dict)
    assert found.value["warnings"] == []
    assert not added_warnings(found, extra_nix)


def test_docker_lets_pass_what_the_fence_has_let_pass() -> None:
    """tests/host/test_neighbours.py runs what Docker's unit runs here."""
    attr = "config.systemd.services.docker.postStart or null"
    docker = "virtualisation.docker.enable = true;"
    script = (REPOSITORY / "nixos-module/docker-forward.sh").read_text()

    assert script in str(evaluate(FIXTURE, attr, f"{{ {docker} }}"))
    assert evaluate(FIXTURE, attr) is None


def test_the_tree_and_its_guests_are_linked_below_etc(tree: Path) -> None:
    found = evaluate(
        tree,
        """{
          tree = "${config.environment.etc."forage/tree".source}";
          systems = lib.mapAttrs (_: entry: "${entry.source}") (
            lib.filterAttrs (name: _: lib.hasPrefix "forage/systems/" name) config.environment.etc
          );
          guests = lib.mapAttrs (_: guest: "${guest.system}") config.services.forage.guests;
        }""",
    )

    assert isinstance(found, dict)
    assert str(found["tree"]).endswith("-forage-tree")
    guests = found["guests"]
    assert isinstance(guests, dict)
    assert sorted(guests) == templates(tree)
    assert found["systems"] == {f"forage/systems/{name}": guests[name] for name in guests}


CLOSURES = """{
  links = lib.mapAttrs (_: entry: "${entry.source}") (
    lib.filterAttrs (name: _: lib.hasPrefix "forage/closures/" name) config.environment.etc
  );
  roots =
    let
      rootPaths = [ config.services.forage.guests.claude.system ];
    in
    (pkgs.closureInfo { inherit rootPaths; }).outPath;
  attr = lib.elem pkgs.attr config.environment.systemPackages;
}"""


NGINX = """map (nginx: map (module: module.pname or module.name) nginx.modules)
  (lib.filter (package: lib.getName package == "nginx") config.environment.systemPackages)"""


def test_nginx_has_the_module_that_reads_tokens_where_a_template_asks_for_it(
    tmp_path: Path,
) -> None:
    counts = 'needs = { tokenCounts = [ "claude" ];'
    counting = replace(FIXTURE, tmp_path / "tree", "default.nix", "needs = {", counts)

    assert evaluate(counting, NGINX) == [["forage-usage"]]
    assert "forage-usage" not in str(evaluate(FIXTURE, NGINX))


def test_what_a_system_needs_of_the_store_is_listed_where_a_template_asks_for_it(
    tmp_path: Path,
) -> None:
    narrow = replace(
        FIXTURE,
        tmp_path / "tree",
        "default.nix",
        "needs = {",
        'needs = { storeClosure = [ "claude" ];',
    )

    found = evaluate(narrow, CLOSURES)
    assert isinstance(found, dict)
    assert found["links"] == {"forage/closures/claude": f"{found['roots']}/store-paths"}
    assert found["attr"]

    # On every host: the script needs setfattr.
    found = evaluate(FIXTURE, CLOSURES)
    assert isinstance(found, dict)
    assert (found["links"], found["attr"]) == ({}, True)


def test_apparmor_has_the_profile_of_the_tree(tree: Path) -> None:
    found = evaluate(
        tree,
        """{
          policy = config.security.apparmor.policies.forage-sandbox.profile.text;
          inherit (config.security.apparmor.policies.forage-sandbox) enable enforce;
          tree = "${config.environment.etc."forage/tree".source}";
          system = config.system.build.toplevel.drvPath;
        }""",
        "{ security.apparmor.enable = true; }",
    )

    assert isinstance(found, dict)
    assert found["policy"] == f'include "{found["tree"]}/apparmor/forage-sandbox"\n'
    assert (found["enable"], found["enforce"]) == (True, True)


def test_a_template_is_evaluated_once_however_many_sandboxes_use_it(tmp_path: Path) -> None:
    traced = replace(
        FIXTURE,
        tmp_path / "tree",
        "guests/claude.nix",
        "{ lib, pkgs, ... }:\n",
        '{ lib, pkgs, ... }:\nbuiltins.trace "evaluating claude"\n',
    )

    found = evaluation(traced, SYSTEM)

    assert [line for line in found.said if "evaluating claude" in line] == [
        "trace: evaluating claude"
    ]


def test_sandboxes_add_next_to_nothing_to_an_evaluation(tmp_path: Path) -> None:
    few = function_calls(expression(FIXTURE, SYSTEM))
    many = function_calls(expression(with_sandboxes(tmp_path / "tree", 200), SYSTEM))

    assert many < few * 1.02


def test_a_sandbox_added_changes_no_guest(tmp_path: Path) -> None:
    guests = "lib.mapAttrs (_: guest: guest.system.drvPath) config.services.forage.guests"

    assert evaluate(with_sandboxes(tmp_path / "tree", 5), guests) == evaluate(FIXTURE, guests)


def test_forage_starts_with_the_host(tree: Path) -> None:
    wants = evaluate(tree, "config.systemd.targets.multi-user.wants")

    assert isinstance(wants, list)
    assert {"forage.target", "machines.target"} <= set(map(str, wants))


def test_programs_that_the_units_call_are_in_the_profile(tree: Path) -> None:
    names = evaluate(tree, "map lib.getName config.environment.systemPackages")

    assert isinstance(names, list)
    programs = {"coreutils-full", "dnsmasq", "iproute2", "nftables", "procps", "util-linux"}
    programs |= {"forage-ctl", "jq"}
    assert programs <= set(names)


def test_what_copies_the_nix_database_is_there_where_it_is_needed(tree: Path) -> None:
    found = evaluate(
        tree,
        """[
          (config.services.forage.needs.nixDaemon != [ ])
          (map lib.getName config.environment.systemPackages)
        ]""",
    )

    assert isinstance(found, list)
    needed, names = found
    assert isinstance(names, list)
    assert ("sqlite" in names) == needed


def test_the_host_leaves_the_interfaces_alone(tree: Path) -> None:
    found = evaluate(
        tree,
        """{
          dhcpcd = config.networking.dhcpcd.denyInterfaces;
          manager = config.networking.networkmanager.unmanaged;
          networkd = config.systemd.network.units."10-forage.network".text;
        }""",
        "{ networking.useNetworkd = true; }",
    )

    assert isinstance(found, dict)
    assert "[Match]\nName=fg-*\n" in str(found["networkd"])
    assert "[Link]\nUnmanaged=true\n" in str(found["networkd"])
    assert "fg-*" in str(found["dhcpcd"])
    assert "interface-name:fg-*" in str(found["manager"])


def test_iptables_has_its_own_wildcard() -> None:
    assert evaluate(FIXTURE, "config.networking.firewall.trustedInterfaces") == ["fg-+", "lo"]


def test_nftables_takes_the_rules_with_its_wildcard() -> None:
    require("root", "unshare", "nft")
    ruleset = evaluate(
        FIXTURE,
        """let fw = config.networking.nftables.tables.nixos-fw; in
           "table ${fw.family} nixos-fw {\n${fw.content}\n}\n" """,
        "{ networking.nftables.enable = true; networking.firewall.filterForward = true; }",
    )

    listed = subprocess.run(
        ["unshare", "--net", "sh", "-c", "nft -f - && nft list ruleset"],
        input=str(ruleset),
        check=True,
        capture_output=True,
        text=True,
    ).stdout

    assert 'iifname { "fg-*", "lo" } accept' in listed
    assert 'iifname "fg-*" accept' in listed


@pytest.mark.parametrize(
    "extra_nix",
    [
        "{ }",
        "{ networking.nat.enable = true; }",
        "{ virtualisation.docker.enable = true; }",
        "{ virtualisation.libvirtd.enable = true; }",
        """{
          networking.nftables = { enable = true; flushRuleset = true; };
          networking.nat = { enable = true; externalInterface = "eth0"; };
        }""",
        '{ networking.nat = { enable = true; externalInterface = "eth0"; }; }',
        """{
          services.nginx = { enable = true; virtualHosts."example.org".root = "/var/www"; };
        }""",
        '{ services.tailscale = { enable = true; useRoutingFeatures = "server"; }; }',
        '{ boot.kernel.sysctl."net.ipv4.conf.all.forwarding" = false; }',
    ],
)
def test_a_switch_does_not_turn_forwarding_off(extra_nix: str) -> None:
    forwarding = 'config.boot.kernel.sysctl."net.ipv4.conf.all.forwarding"'

    assert evaluate(FIXTURE, forwarding, extra_nix) is True
    # What there would be without the module's own setting.
    assert evaluation(None, forwarding).value is False


def test_a_missing_user_is_named_with_the_remedy() -> None:
    bob = '{ lib, ... }: { services.forage.user = lib.mkForce "bob"; }'

    (message,) = failed(bob)

    assert 'services.forage.user is "bob", but this host has no such user' in message
    assert "users.users.bob = { isNormalUser = true; uid = 1000; }" in message
    with pytest.raises(NixError, match=r'services\.forage\.user is "bob"'):
        evaluate(FIXTURE, SYSTEM, bob)


def test_another_uid_is_refused_with_the_remedy() -> None:
    (message,) = failed("{ lib, ... }: { users.users.alice.uid = lib.mkForce 1001; }")

    assert "services.forage.uid is 1000, but users.users.alice.uid is 1001" in message
    assert "Write uid = 1001 in forage.toml" in message


def test_another_primary_group_is_refused_with_the_remedy() -> None:
    (message,) = failed(
        """{
          users.users.alice.group = "alice";
          users.groups.alice.gid = 1000;
        }"""
    )

    assert "services.forage.gid is 100" in message
    assert "Write gid = 1000 in forage.toml" in message


@pytest.mark.parametrize(
    "extra_nix",
    [
        "{ lib, ... }: { users.users.alice.uid = lib.mkForce null; }",
        '{ users.users.alice.group = "alice"; users.groups.alice = { }; }',
    ],
)
def test_a_number_that_nixos_has_yet_to_choose_is_nobodys_mistake(extra_nix: str) -> None:
    assert failed(extra_nix) == []


@pytest.mark.parametrize(
    "extra_nix",
    [
        '{ systemd.nspawn.demo.execConfig.Hostname = "mine"; }',
        '{ environment.etc."systemd/nspawn/demo.nspawn".text = ""; }',
    ],
)
def test_settings_that_would_shadow_a_sandbox_are_refused(extra_nix: str) -> None:
    (message,) = failed(extra_nix)

    assert 'has settings for "demo", and so has Forage' in message
    assert "Rename the sandbox" in message


def test_a_nixos_container_of_the_same_name_is_refused() -> None:
    # The container is named, not evaluated: evaluating it is what makes containers slow.
    (message,) = failed("{ containers.demo.path = /var/empty; }")

    assert 'both have a machine named "demo"' in message


@pytest.mark.parametrize("flushes", ["true", "false"])
def test_a_reload_of_the_hosts_firewall_keeps_the_fence(flushes: str) -> None:
    found = evaluate(
        FIXTURE,
        f"builtins.seq {SYSTEM} config.networking.nftables.extraDeletions",
        f"{{ networking.nftables = {{ enable = true; flushRuleset = {flushes}; }}; }}",
    )

    includes = [
        f'include "/etc/forage/tree/nftables/{files}*.nft"'
        for files in ("", "templates/", "sandboxes/")
    ]
    assert str(found).splitlines() == (includes if flushes == "true" else [])


def test_a_changed_system_restarts_the_sandboxes_that_boot_it() -> None:
    found = evaluate(
        FIXTURE,
        """let unit = config.systemd.services."forage-guest@claude"; in {
          triggers = unit.restartTriggers == [ config.services.forage.guests.claude.system ];
          inherit (unit) stopIfChanged;
        }""",
    )

    assert found == {"triggers": True, "stopIfChanged": False}


def test_a_guests_own_mistake_names_the_template() -> None:
    (message,) = failed(
        """{
          services.forage.guests.claude.extraModules = [
            { assertions = [ { assertion = false; message = "no such thing"; } ]; }
          ];
        }"""
    )

    assert message == "services.forage.guests.claude: no such thing"


def test_nothing_is_asked_of_a_host_that_does_not_enable_it() -> None:
    found = evaluate(
        FIXTURE,
        """{
          failed = map (a: a.message) (lib.filter (a: !a.assertion) config.assertions);
          etc = lib.filter (lib.hasPrefix "forage/") (lib.attrNames config.environment.etc);
        }""",
        """{ lib, ... }: {
          services.forage = { enable = lib.mkForce false; user = lib.mkForce "nobody-here"; };
        }""",
    )

    assert found == {"failed": [], "etc": []}


def test_the_tree_may_have_any_name(tmp_path: Path) -> None:
    tree = tmp_path / ".my generated tree"
    shutil.copytree(FIXTURE, tree)
    source = '"${config.environment.etc."forage/tree".source}"'

    assert evaluate(tree, source) == evaluate(FIXTURE, source)
