"""The second way in: a project written as NixOS options."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.nixos.nix import REPOSITORY, NixError, evaluate, evaluation
from tests.nixos.options import built, evaluated

if TYPE_CHECKING:
    from pathlib import Path

GOLDEN = REPOSITORY / "golden/demo"

# Packages are known to the compiler by their names alone, and inputs by their own files.
OF_THE_FIRST_WAY_ONLY = {"guests/claude.nix", "manifest.json"}

MINIMAL = """
  enable = true;
  user = "alice";
  templates.claude = { };
  sandboxes.website = { template = "claude"; workspace = "/home/alice/website"; };
"""


def files(root: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(root)): file.read_bytes() for file in root.rglob("*") if file.is_file()
    }


def without_forage() -> list[str]:
    """What NixOS of that date says of itself."""
    return evaluation(None, "config.system.build.toplevel.drvPath").warnings


def test_both_ways_make_the_same_files() -> None:
    ours = files(built("config.services.forage.tree"))
    golden = files(GOLDEN)

    assert ours.keys() == golden.keys()
    different = {name for name in ours if ours[name] != golden[name]}
    assert different <= OF_THE_FIRST_WAY_ONLY


def test_both_ways_make_the_same_guests() -> None:
    attr = "lib.mapAttrs (_: guest: guest.system.drvPath) config.services.forage.guests"

    ours = evaluated(attr).value

    assert ours == evaluate(GOLDEN, attr)
    assert set(ours) == {"claude", "research", "review"}  # type: ignore[arg-type]


def test_what_a_template_replaces_it_does_not_inherit() -> None:
    guests = evaluated(
        """lib.mapAttrs (_: guest: {
          inherit (guest.nixos.config.forage.guest) init nixDaemon;
          agents = lib.attrNames guest.nixos.config.forage.guest.agents;
          ripgrep = lib.elem pkgs.ripgrep guest.nixos.config.environment.systemPackages;
        }) config.services.forage.guests""",
        """
          templates.bare = {
            extends = "claude";
            replaces = [ "agents" "allowedHosts" "extraPackages" "initCommands" "nixDaemon" ];
            network = "none";
          };
          sandboxes.bare = { template = "bare"; workspace = "/home/alice/bare"; };
        """,
    ).value

    assert isinstance(guests, dict)
    assert guests["bare"] == {"init": False, "nixDaemon": False, "agents": [], "ripgrep": False}
    assert guests["claude"] == {
        "init": True,
        "nixDaemon": False,
        "agents": ["claude"],
        "ripgrep": True,
    }


def test_a_template_can_narrow_the_store_for_those_that_extend_it() -> None:
    needs = evaluated(
        "config.services.forage.needs.storeClosure",
        """
          templates.claude.isolation.storeClosure = true;
          templates.wide = {
            extends = "claude";
            isolation.storeClosure = false;
          };
          templates.narrow.extends = "claude";
          templates.debian = {
            extends = "claude";
            rootfs = "/var/lib/debian";
          };
          sandboxes.wide = { template = "wide"; workspace = "/home/alice/wide"; };
          sandboxes.narrow = { template = "narrow"; workspace = "/home/alice/narrow"; };
          sandboxes.debian = { template = "debian"; workspace = "/home/alice/debian"; };
        """,
    ).value

    assert needs == ["claude", "narrow"]


def test_the_host_evaluates_without_a_build_and_without_a_warning() -> None:
    # tests.nixos.nix forbids import from derivation.
    found = evaluated("builtins.seq config.system.build.toplevel.drvPath config.warnings")

    assert found.warnings == without_forage()
    assert found.value == []


def test_the_lock_can_be_checked_in() -> None:
    with_lock = built("config.services.forage.lock")

    assert with_lock.read_bytes() == (REPOSITORY / "examples/demo/forage.lock").read_bytes()


def test_a_mistake_fails_the_build_with_the_compilers_message() -> None:
    with pytest.raises(NixError) as refused:
        built(
            "config.services.forage.tree",
            'templates.claude.resourceLimits.memoryMax = lib.mkForce "4K";',
        )

    said = str(refused.value)
    assert "forage.json:" in said
    assert "error[" in said
    assert "`4K` is too little memory" in said


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            'sandboxes.website.template = lib.mkForce "claud";',
            'services.forage.sandboxes.website.template is "claud"',
        ),
        (
            'templates.review.extends = lib.mkForce "bass";',
            'services.forage.templates.review.extends is "bass"',
        ),
        (
            'templates.base.extends = "claude";',
            'services.forage.templates.base.extends leads back to "base"',
        ),
        (
            "templates.claude.agents.claude.permissions.skipAll = true;",
            "services.forage.templates.claude.agents.claude.permissions has `skipAll`",
        ),
        (
            'templates.claude.agents.claude.secretName = lib.mkForce "antropic";',
            'services.forage.templates.claude.agents.claude.secretName is "antropic"',
        ),
        (
            'templates.claude.proxies = [ "forge" ];',
            'services.forage.templates.claude.proxies has "forge"',
        ),
        (
            'sandboxes.website.proxies = [ "forge" ];',
            'services.forage.sandboxes.website.proxies has "forge"',
        ),
        (
            """proxies.forge = {
              upstream = "https://forge.example.org";
              secretName = "forge";
              paths = [ "/**" ];
            };""",
            'services.forage.proxies.forge.secretName is "forge"',
        ),
        (
            'secrets.anthropic = lib.mkForce "${pkgs.writeText "key" "sk"}";',
            "services.forage.secrets.anthropic is in the Nix store",
        ),
        (
            'secrets.anthropic = lib.mkForce "run/secrets/anthropic";',
            "services.forage.secrets.anthropic is no absolute path",
        ),
        (
            'authorizedKeys = lib.mkForce [ "~/.ssh/id_ed25519.pub" ];',
            "services.forage.authorizedKeys has an entry that is no public key",
        ),
        (
            f"tree = {GOLDEN};",
            "this would have no effect: services.forage.authorizedKeys",
        ),
    ],
)
def test_what_can_be_told_at_evaluation_is_an_assertion(options: str, message: str) -> None:
    with pytest.raises(NixError) as refused:
        evaluated("config.system.build.toplevel.drvPath", options)

    assert message in str(refused.value)
    assert "Failed assertions" in str(refused.value)


@pytest.mark.parametrize(
    "options",
    [
        'secrets.anthropic = lib.mkForce "sk-ant-api03-0123456789";',
        'authorizedKeys = lib.mkForce [ "-----BEGIN OPENSSH PRIVATE KEY-----\\nsk-ant-api03" ];',
    ],
)
def test_what_may_be_a_key_is_not_shown(options: str) -> None:
    with pytest.raises(NixError) as refused:
        evaluated("config.system.build.toplevel.drvPath", options)

    assert "not shown here" in " ".join(str(refused.value).split())
    assert "sk-ant" not in str(refused.value)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("templates.claude.netwrok = null;", "templates.claude.netwrok"),
        ('templates.claude.network = "some";', "templates.claude.network"),
        ('sandboxes.website.workspace = lib.mkForce [ "/a" ];', "sandboxes.website.workspace"),
        ("templates.claude.extraPackages = [ 1 ];", "templates.claude.extraPackages"),
        ("uid = 70000;", "uid"),
        (
            'templates.base.resourceLimits.cpuQuota = lib.mkForce "2";',
            r"templates.base.resourceLimits.cpuQuota. is not of type .null or percentage like 200%",
        ),
        (
            'templates.claude.allowedHosts = [ "https://a.example" ];',
            "templates.claude.allowedHosts",
        ),
        ('templates.base.resetEvery = lib.mkForce "@daily";', "templates.base.resetEvery"),
        ('subnet = lib.mkForce "10.100.0.1";', "subnet"),
        ('templates."My_Template" = { };', "templates"),
        ('templates.claude.workspace.mounts."a b" = { };', "templates.claude.workspace.mounts"),
        (
            'sandboxes.Website = { template = "claude"; workspace = "/home/alice/x"; };',
            r"sandboxes. is not of type .attribute set of \(?submodule\)?, by names that match",
        ),
    ],
)
def test_a_wrong_name_type_or_form_is_nixoss_own_error(options: str, said: str) -> None:
    with pytest.raises(NixError, match=rf"services\.forage\.{said}"):
        evaluated("config.system.build.toplevel.drvPath", options)


def test_what_must_be_written_is_asked_for() -> None:
    unset = r"services\.forage\.sandboxes\.more\.workspace. (is used but not|was accessed)"

    with pytest.raises(NixError, match=unset):
        evaluated("config.services.forage.tree.drvPath", 'sandboxes.more.template = "claude";')


def test_the_snippets_of_the_security_model() -> None:
    found = evaluated(
        "{ inherit (config.services.forage.tree) drvPath; inherit (config) warnings; }",
        MINIMAL
        + """
          secrets.anthropic = config.sops.secrets.anthropic-api-key.path;
          templates.review = {
            readOnlyWorkspace = true;
            agents.claude.package = pkgs.claude-code;
          };
          templates.analysis.network = "none";
          templates.standard = {
            network = "full";
            extraPackages = with pkgs; [ ripgrep fd jq tree git ];
          };
          templates.claude.agents.claude = {
            package = pkgs.claude-code;
            secretName = "anthropic";
            authEnvVar = "ANTHROPIC_API_KEY";
            permissions = {
              allow = [ "Read" "Glob" "Grep" "Edit(src/**)" "Bash(npm run *)" ];
              deny = [ "Bash(rm -rf *)" ];
            };
          };
          templates.trusted.agents.claude = {
            package = pkgs.claude-code;
            permissions.skipAll = true;
          };
          templates.claude.network = "restricted";
          templates.claude.allowedHosts = [ "api.anthropic.com" "registry.npmjs.org" ];
        """.replace("config.sops.secrets.anthropic-api-key.path", '"/run/secrets/anthropic"'),
        demo=False,
    )

    assert found.warnings == without_forage()


def test_only_what_is_written_reaches_the_compiler() -> None:
    json = built("config.services.forage.tree.passthru.project", MINIMAL, demo=False).read_text()

    assert json.strip() == (
        '{"gid":100,"sandboxes":{"website":{"template":"claude","workspace":"/home/alice/website"}},'
        '"templates":{"claude":{}},"uid":1000,"user":"alice"}'
    )
