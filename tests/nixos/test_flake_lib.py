"""What the flake gives to other flakes: `lib`, and templates for `nix flake init`."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from forage_gen.resolve.plan import Network
from forage_gen.starter import starter_files
from tests.attacks.profiles import DEFAULT
from tests.host.activate import compile_project
from tests.nixos.nix import BUILD_OPTIONS, REPOSITORY, path, text
from tests.nixos.options import COMPILER
from tests.nixos.test_flake import NIX, flake, run
from tests.requirements import require_nixpkgs

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["flake"]

# What makes the difference between one isolation profile and another.
PROFILE = (
    *("private_users", "user_namespaces", "capabilities_dropped", "apparmor", "store_closure"),
    *("syscall_profile", "syscalls_allowed", "syscalls_denied"),
    *("protected_paths", "read_only_workspace", "nix_daemon"),
)

GOLDEN = REPOSITORY / "golden/demo"
TEMPLATES = REPOSITORY / "nix/templates"


def inputs(flake: Path) -> tuple[str, ...]:
    return (
        *("--override-input", "nixpkgs", f"path:{require_nixpkgs()}"),
        *("--override-input", "forage", f"path:{flake}"),
        "--no-write-lock-file",
    )


def expression(flake: Path, attr: str) -> str:
    """An expression in which `lib` is the flake's, and `pkgs` has the compiler under test."""
    nixpkgs = as_input(require_nixpkgs())
    return f"""
      let
        nixpkgs = {nixpkgs};
        outputs = (import ({path(flake)} + "/flake.nix")).outputs {{
          self = outputs;
          inherit nixpkgs;
        }};
        inherit (outputs) lib;
        pkgs = nixpkgs.legacyPackages.${{builtins.currentSystem}}.extend (
          _: pkgs: {{ forage-gen = {COMPILER}; }}
        );
      in
      {attr}
    """


def as_input(directory: str) -> str:
    """What the flake in a directory is as an input."""
    return f"""
      (let
        outPath = /. + {text(directory)};
        outputs = (import (outPath + "/flake.nix")).outputs {{ inherit self; }};
        self = outputs // {{ inherit outPath; }};
      in
      self)
    """


def build(flake: Path, attr: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["nix-build", "--no-out-link", *BUILD_OPTIONS, "-E", expression(flake, attr)],
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )


def contents(tree: Path) -> dict[str, tuple[bool, bytes]]:
    """Each file of a tree: whether it is executable, and what is in it."""
    return {
        str(file.relative_to(tree)): (bool(file.stat().st_mode & 0o100), file.read_bytes())
        for file in tree.rglob("*")
        if file.is_file()
    }


def drift_check(src: Path, tree: Path) -> str:
    return f"lib.driftCheck pkgs {{ src = {path(src)}; tree = {path(tree)}; }}"


def test_generate_makes_the_tree_and_the_lock(flake: Path, tmp_path: Path) -> None:
    project = f"{{ src = {path(flake / 'examples/demo')}; }}"
    for output in ("out", "lock"):
        finished = build(flake, f"(lib.generate pkgs {project}).{output}")
        assert finished.returncode == 0, finished.stderr
        (tmp_path / output).symlink_to(finished.stdout.strip())

    assert contents((tmp_path / "out").resolve()) == contents(GOLDEN)
    lock = REPOSITORY / "examples/demo/forage.lock"
    assert (tmp_path / "lock").read_bytes() == lock.read_bytes()


def test_generate_shows_what_is_wrong_with_the_project(flake: Path, tmp_path: Path) -> None:
    (tmp_path / "forage.toml").write_text('user = "alice"\nsubnet = "x"\n')

    finished = build(flake, f"lib.generate pkgs {{ src = {path(tmp_path)}; }}")

    assert finished.returncode != 0
    assert "forage.toml:2:" in finished.stderr


@pytest.mark.parametrize("arguments", ["{ }", "{ src = ./.; project = ./x.json; }"])
def test_generate_asks_for_one_project(flake: Path, arguments: str) -> None:
    finished = build(flake, f"lib.generate pkgs {arguments}")

    assert finished.returncode != 0
    assert "write either src or project" in finished.stderr


@pytest.mark.parametrize(
    ("project", "tree"),
    [
        ("examples/demo", "golden/demo"),
        ("examples/nixos-host/sops-nix/forage", None),
        ("examples/nixos-host/agenix/forage", None),
    ],
)
def test_the_trees_here_are_current(flake: Path, project: str, tree: str | None) -> None:
    here = f"tree = {path(flake / tree)};" if tree else ""
    finished = build(flake, f"lib.driftCheck pkgs {{ src = {path(flake / project)}; {here} }}")

    assert finished.returncode == 0, finished.stderr


def test_a_tree_that_was_edited_fails_the_check(flake: Path, tmp_path: Path) -> None:
    shutil.copytree(GOLDEN, tmp_path / "tree")
    edited = tmp_path / "tree/nspawn/review.nspawn"
    edited.write_text(edited.read_text() + "# and more\n")

    finished = build(flake, drift_check(flake / "examples/demo", tmp_path / "tree"))

    assert finished.returncode != 0
    assert "tree-edited" in finished.stderr
    assert "review.nspawn" in finished.stderr


def test_a_project_that_was_changed_fails_the_check(flake: Path, tmp_path: Path) -> None:
    shutil.copytree(REPOSITORY / "examples/demo", tmp_path / "project")
    changed = tmp_path / "project/templates/claude.toml"
    changed.write_text(changed.read_text().replace("registry.npmjs.org", "registry.example.org"))

    finished = build(flake, drift_check(tmp_path / "project", GOLDEN))

    assert finished.returncode != 0
    assert "tree-stale" in finished.stderr


def test_the_overlay_has_the_package(flake: Path) -> None:
    attr = """
      let overlaid = nixpkgs.legacyPackages.x86_64-linux.extend outputs.overlays.default; in
      overlaid.forage-gen.drvPath == outputs.packages.x86_64-linux.default.drvPath
    """
    found = run("nix-instantiate", "--eval", "--readonly-mode", "-E", expression(flake, attr))
    assert found == "true\n"


def test_the_template_has_the_files_of_the_starter_project() -> None:
    project = TEMPLATES / "default/forage"
    files = {
        str(file.relative_to(project)): file.read_text()
        for file in project.rglob("*")
        if file.is_file()
    }
    assert files == starter_files(), f"rm -r {project} && forage-gen init {project}"


@pytest.fixture
def locked(flake: Path, tmp_path: Path) -> Path:
    """The flake with its input written down: `nix flake init` cannot be told another."""
    copy = tmp_path / "forage"
    shutil.copytree(flake, copy)
    nixpkgs = f"path:{require_nixpkgs()}"
    run(*NIX, "flake", "lock", f"path:{copy}", "--override-input", "nixpkgs", nixpkgs)
    return copy


@pytest.mark.parametrize("template", ["default", "options"])
def test_a_host_of_the_template_evaluates(locked: Path, tmp_path: Path, template: str) -> None:
    host = tmp_path / "host"
    host.mkdir()
    subprocess.run(
        [*NIX, "flake", "init", "--template", f"path:{locked}#{template}"],
        cwd=host,
        check=True,
        capture_output=True,
        timeout=300,
    )
    if template == "default":
        run(sys.executable, "-m", "forage_gen", "build", str(host / "forage"))

    run(*NIX, "flake", "check", "--no-build", f"path:{host}", *inputs(locked))
    found = json.loads(
        run(
            *(*NIX, "eval", "--json", *inputs(locked)),
            f"path:{host}#nixosConfigurations.laptop.config",
            "--apply",
            """config: {
              inherit (config) warnings;
              sandboxes = config.services.forage.sandboxNames;
              system = builtins.substring 0 11 config.system.build.toplevel.drvPath;
            }""",
        )
    )
    assert found == {"warnings": [], "sandboxes": ["myproject"], "system": "/nix/store/"}


def vm_test(flake: Path, attr: str) -> str:
    """An expression in which `test` is the configuration of the test in a virtual machine."""
    return expression(
        flake,
        f"""
          let
            inherit ((import (nixpkgs.outPath + "/nixos/lib") {{ }}).evalTest {{
              imports = [ ({path(flake)} + "/nix/vm-test.nix") ];
              hostPkgs = pkgs;
              defaults.boot.loader.grub.enable = false;
            }}) config;
            test = config;
          in
          {attr}
        """,
    )


def test_the_vm_tests_hosts_evaluate_and_its_script_is_python(flake: Path) -> None:
    attr = """{
      inherit (test) testScript;
      hosts = builtins.mapAttrs (
        _: node: builtins.substring 0 11 node.system.build.toplevel.drvPath
      ) test.nodes;
      inherit (test.nodes.machine.services.forage) sandboxNames;
    }"""
    found = json.loads(
        run(
            *("nix-instantiate", "--eval", "--strict", "--json", "--readonly-mode"),
            *("--option", "allow-import-from-derivation", "false"),
            *("-E", vm_test(flake, attr)),
        )
    )
    assert found["hosts"] == {"machine": "/nix/store/", "outside": "/nix/store/"}
    assert found["sandboxNames"] == ["full", "none", "restricted"]
    compile(found["testScript"], "vm-test", "exec")


def test_the_vm_tests_sandboxes_have_the_profile_that_is_attacked(
    flake: Path, tmp_path: Path
) -> None:
    """What attacks are expected to come to there is what is shown in a sandbox of that profile."""
    json_file = vm_test(flake, "test.nodes.machine.services.forage.tree.passthru.project")
    written = run("nix-build", "--no-out-link", *BUILD_OPTIONS, "-E", json_file).strip()
    shutil.copy(written, tmp_path / "forage.json")

    (attacked,) = [s.template for s in compile_project().sandboxes if s.name == DEFAULT]
    in_vm = [sandbox.template for sandbox in compile_project(tmp_path).sandboxes]

    assert {template.network for template in in_vm} == set(Network)
    for template in in_vm:
        assert {key: getattr(template, key) for key in PROFILE} == {
            key: getattr(attacked, key) for key in PROFILE
        }
