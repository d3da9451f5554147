"""What the other commands do with sources. None of them touches the network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.pins.conftest import ROOT
from tests.pins.test_lock import PROGRAM, sri, tar_of, unpacked
from tests.requirements import require

if TYPE_CHECKING:
    from pathlib import Path

    from tests.pins.conftest import ForageGen
    from tests.pins.project import Project
    from tests.pins.repository import Repository
    from tests.pins.site import Site

DONE, INVALID = 0, 2
COMMANDS = (["build"], ["check"], ["check", "--no-tree"], ["diff"], ["explain"])


def arguments(command: list[str], project: Project) -> list[str | Path]:
    return [*command, project.root, *(["web"] if command == ["explain"] else [])]


@pytest.mark.parametrize("command", COMMANDS, ids="-".join)
def test_a_source_without_a_pin_is_refused_by_name(
    forage_gen: ForageGen, project: Project, site: Site, command: list[str]
) -> None:
    site.pages["/tool"] = PROGRAM
    project.source("tool", type="url", url=f"{site.url}/tool")
    result = forage_gen(*arguments(command, project))
    assert result.returncode == INVALID
    assert "forage.toml:2:10: error[source-not-locked]: The source `tool`" in result.stderr
    assert "hint: Run `forage-gen lock`" in result.stderr
    assert not site.requests
    assert not (project.root / "generated").exists()


@pytest.mark.parametrize("command", COMMANDS, ids="-".join)
def test_a_source_that_was_changed_is_refused_by_name(
    forage_gen: ForageGen, project: Project, site: Site, command: list[str]
) -> None:
    site.pages["/tool"] = PROGRAM
    project.source("tool", type="url", url=f"{site.url}/tool")
    assert forage_gen("lock", project.root).returncode == DONE
    project.source("tool", type="url", url=f"{site.url}/other")
    site.requests.clear()
    result = forage_gen(*arguments(command, project))
    assert result.returncode == INVALID
    assert "error[source-changed]: The source `tool`" in result.stderr
    assert not site.requests


def test_a_pinned_project_builds_without_network_and_tools(
    forage_gen: ForageGen, project: Project, site: Site, tmp_path: Path
) -> None:
    site.pages["/tool"] = PROGRAM
    project.source("tool", type="url", url=f"{site.url}/tool")
    assert forage_gen("lock", project.root).returncode == DONE
    site.requests.clear()
    result = forage_gen("build", project.root, PATH=str(tmp_path))
    assert result.returncode == DONE, result.stderr
    assert forage_gen("check", project.root, "--level", "warning").returncode == 1
    result = forage_gen("explain", project.root, "web", "--json")
    sources = json.loads(result.stdout)["sources"]
    url = f"{site.url}/tool"
    assert sources == {"tool": {"type": "url", "url": url, "rev": None, "hash": sri(PROGRAM)}}
    assert f"tool: {url}, {sri(PROGRAM)}" in forage_gen("explain", project.root, "web").stdout
    assert not site.requests


def test_a_build_after_another_pin_is_another_build(
    forage_gen: ForageGen, project: Project, site: Site, repository: Repository
) -> None:
    repository.commit({"tool": "one"})
    url = f"{site.url}/tool.git"
    project.source("tool", type="git", url=url, ref="HEAD", subpath="tool")
    trees = []
    for content in ("two", "three"):
        rev = repository.commit({"tool": content})
        assert forage_gen("lock", project.root, "--update", "tool").returncode == DONE
        assert forage_gen("build", project.root).returncode == DONE
        trees.append((project.root / "generated/sources.nix").read_text())
        assert rev in trees[-1]
    assert trees[0] != trees[1]


def test_a_package_file_that_changed_is_built_anew(
    forage_gen: ForageGen, project: Project, site: Site
) -> None:
    site.pages["/tool"] = PROGRAM
    file = project.root / "packages/tool.nix"
    file.parent.mkdir()
    file.write_text("{ src }: src\n")
    project.source("tool", type="url", url=f"{site.url}/tool", package="packages/tool.nix")
    assert forage_gen("lock", project.root).returncode == DONE
    for text in ("{ src }: src\n", "{ src, ... }: src\n"):
        file.write_text(text)
        assert forage_gen("build", project.root).returncode == DONE
        assert (project.root / "generated/sources/tool.nix").read_text() == text


def test_only_the_command_lock_loads_what_fetches() -> None:
    code = (
        "import sys; from forage_gen.__main__ import main\n"
        "import forage_gen.cli.build, forage_gen.cli.commands, forage_gen.project\n"
        "print([m for m in sys.modules if m.startswith(('plumbum', 'forage_gen.pins'))])"
    )
    finished = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert finished.stdout == "[]\n"


# --- with Nix --------------------------------------------------------------------------

# Nix's own fetchers stand for those of nixpkgs, which run curl and git as they do, and check
# the same hashes. What runCommandLocal and callPackage do is in nixpkgs' manual.
PACKAGES = """
  rec {
    fetchurl = { name, url, hash }: import <nix/fetchurl.nix> { inherit name url hash; };
    fetchzip =
      { name, url, extension, hash }:
      builtins.fetchTarball { inherit name url; sha256 = hash; };
    fetchgit =
      { name, url, rev, fetchSubmodules, hash }:
      assert !fetchSubmodules;
      checked name hash (builtins.fetchGit { inherit url rev; allRefs = true; });
    checked = name: hash: path: builtins.path {
      inherit name path;
      recursive = true;
      sha256 = hash;
    };
    runCommandLocal = name: env: script: derivation (removeAttrs env [ "meta" ] // {
      inherit name;
      system = builtins.currentSystem;
      builder = "/bin/bash";
      PATH = "/usr/bin:/bin";
      # Without the last line, bash becomes the last program of the script; on some kernels
      # that closes its terminal, and Nix takes the builder for dead.
      args = [ "-euc" "${script}\n:" ];
    });
    callPackage = file: arguments: import file (arguments // { inherit runCommandLocal; });
  }
"""
PACKAGE = """\
{ src, runCommandLocal }:

runCommandLocal "made" { inherit src; } ''
  mkdir -p $out/bin
  cp "$src/tool" $out/bin/made
''
"""


@pytest.fixture
def tree(
    forage_gen: ForageGen, project: Project, site: Site, repository: Repository, tmp_path: Path
) -> Path:
    """The tree of a project with a source of each kind."""
    site.pages |= {"/file": PROGRAM, "/archive.tar.gz": tar_of(unpacked(tmp_path))}
    repository.commit({"deep er/tool": "#!/bin/sh\necho two\n"})
    url = f"{site.url}/tool.git"
    project.source("file", type="url", url=f"{site.url}/file")
    project.source("archive", type="tarball", url=f"{site.url}/archive.tar.gz", subpath="bin/tool")
    project.source("repository", type="git", url=url, ref="HEAD", subpath="deep er/tool")
    project.source(
        "made", type="git", url=url, ref="HEAD", subpath="deep er", package="packages/made.nix"
    )
    # A word of the Nix language, as a name.
    project.source("with", type="url", url=f"{site.url}/file")
    (project.root / "packages").mkdir()
    (project.root / "packages/made.nix").write_text(PACKAGE)
    for command in ("lock", "build"):
        result = forage_gen(command, project.root)
        assert result.returncode == DONE, result.stderr
    return project.root / "generated"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("file", "one\n"),
        ("archive", "one\n"),
        ("repository", "two\n"),
        ("made", "two\n"),
        ('"with"', "one\n"),
    ],
)
def test_nix_fetches_what_is_pinned_and_the_program_runs(tree: Path, name: str, said: str) -> None:
    built = nix_build(tree, name)
    assert built.returncode == 0, built.stderr
    program = f"{built.stdout.strip()}/bin/{name.strip(chr(34))}"
    assert subprocess.run([program], capture_output=True, text=True, check=True).stdout == said


@pytest.mark.parametrize(("name", "path"), [("file", "/file"), ("archive", "/archive.tar.gz")])
def test_nix_refuses_what_is_not_pinned(
    tree: Path, site: Site, tmp_path: Path, name: str, path: str
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    directory = unpacked(other)
    # Never seen before: Nix does not fetch again what it has.
    (directory / "README").write_text(f"{tmp_path} {site.url}")
    site.pages["/file"] = os.urandom(16)
    site.pages["/archive.tar.gz"] = tar_of(directory)
    file = tree / "sources.nix"
    fresh = sri(os.urandom(16))
    before = file.read_text()
    for old in {line for line in before.splitlines() if "hash = " in line}:
        file.write_text(file.read_text().replace(old, f'      hash = "{fresh}";'))
    built = nix_build(tree, name)
    assert built.returncode != 0
    assert "hash mismatch" in built.stderr
    assert path in site.requests


def nix_build(tree: Path, name: str) -> subprocess.CompletedProcess[str]:
    require("nix-build", "git")
    expression = f"(import {tree}/sources.nix {{ pkgs = {PACKAGES}; }}).{name}"
    return subprocess.run(
        [
            *("nix-build", "--no-out-link", "--option", "sandbox", "false"),
            *("--option", "build-users-group", "", "--option", "substituters", ""),
            *("--option", "tarball-ttl", "0"),
            *("-E", expression),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
