"""A guest whose programs come from pinned sources."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

from forage_gen.project import compile_project
from forage_gen.write.tree import write as write_tree
from tests.nixos.nix import JSON, NixError, evaluate
from tests.read.projects import write

if TYPE_CHECKING:
    from pathlib import Path

REV = "3f786850e387550fdab836ed7e6dc881de23001b"
HASHES = {
    name: f"sha256-{base64.b64encode(bytes([number]) * 32).decode()}"
    for number, name in enumerate(("file", "archive", "repository", "made"))
}
URL = "https://example.org"
PROJECT = {
    "forage.toml": f"""\
user = "alice"

[sources.file]
type = "url"
url = "{URL}/file"

[sources.archive]
type = "tarball"
url = "{URL}/archive.tar.xz?raw=1"
subpath = "bin/archive"

[sources.repository]
type = "git"
url = "ssh://git@example.org/repository.git"
ref = "refs/heads/main"
subpath = "run me"

[sources.made]
type = "git"
url = "{URL}/made.git"
rev = "{REV}"
package = "packages/made.nix"

[sandboxes.web]
template = "web"
workspace = "/srv/web"
""",
    "templates/web.toml": """\
network = "none"
extraPackages = ["sources.archive", "sources.repository", "hello"]

[agents.file]
package = "sources.file"

[agents.made]
package = "sources.made"
""",
    "packages/made.nix": """\
{
  runCommandLocal,
  src,
  version ? "1.0",
}:

runCommandLocal "made-${version}" { inherit src; } ''
  mkdir -p $out/bin
  cp "$src/made" $out/bin/made
''
""",
    "forage.lock": f"""\
version = 1

[sources]
archive = {{ type = "tarball", url = "{URL}/archive.tar.xz?raw=1", hash = "{HASHES["archive"]}" }}
file = {{ type = "url", url = "{URL}/file", hash = "{HASHES["file"]}" }}
made = {{ type = "git", url = "{URL}/made.git", rev = "{REV}", hash = "{HASHES["made"]}" }}
repository = {{ type = "git", url = "ssh://git@example.org/repository.git", \
ref = "refs/heads/main", rev = "{REV}", hash = "{HASHES["repository"]}" }}
""",
}
GUEST = "config.services.forage.guests.web.nixos.config"


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = write(tmp_path_factory.mktemp("sources"), PROJECT)
    compiled = compile_project(root)
    write_tree(root / "generated", compiled.artifacts, compiled.manifest)
    return root / "generated"


def test_the_fetchers_have_the_hashes_of_the_lock(tree: Path) -> None:
    # A nixpkgs made of stand-ins keeps the hash under a name of its own.
    found = evaluate(
        tree,
        f"""
        let
          sources = import (/. + "{tree}/sources.nix") {{ inherit pkgs; }};
          context = text: builtins.attrNames (builtins.getContext text);
          fetched = {{
            file = sources.file.file;
            made = sources.made.src;
          }};
        in
        lib.mapAttrs (_: drv: drv.outputHash or drv.hash_) fetched // {{
          # Those of which a part is used.
          archive = lib.hasSuffix "/bin/archive" sources.archive.file;
          repository = lib.hasSuffix "/run me" sources.repository.file;
          from = map (each: builtins.length (context each.file)) [
            sources.archive
            sources.repository
          ];
        }}
        """,
    )
    assert found == {
        "file": HASHES["file"],
        "made": HASHES["made"],
        "archive": True,
        "repository": True,
        "from": [1, 1],
    }


def test_the_guest_has_the_programs(tree: Path) -> None:
    programs = evaluate(tree, f"lib.mapAttrs (_: baseNameOf) {GUEST}.forage.guest.agents")
    assert programs == {"file": "file", "made": "made"}
    packages = evaluate_list(tree, f"map (each: each.name) {GUEST}.environment.systemPackages")
    assert {"archive", "repository"} <= {each for each in packages if isinstance(each, str)}


def test_the_guest_evaluates_without_a_build_and_without_a_warning(tree: Path) -> None:
    # nix.OPTIONS forbids to build anything for it.
    system, warnings = evaluate_list(
        tree, f"[ {GUEST}.system.build.toplevel.drvPath {GUEST}.warnings ]"
    )
    assert str(system).endswith(".drv")
    assert warnings == []


def evaluate_list(tree: Path, attr: str) -> list[JSON]:
    found = evaluate(tree, attr)
    assert isinstance(found, list)
    return found


def test_a_package_file_gets_what_callpackage_gives(tree: Path) -> None:
    name = f'(import (/. + "{tree}/sources.nix") {{ inherit pkgs; }}).made.name'
    assert evaluate(tree, name) == "made-1.0"


def test_a_package_file_that_asks_for_more_says_so(tmp_path: Path) -> None:
    root = write(tmp_path, PROJECT | {"packages/made.nix": "{ src, nonesuch }: nonesuch\n"})
    compiled = compile_project(root)
    write_tree(root / "generated", compiled.artifacts, compiled.manifest)
    with pytest.raises(NixError, match="nonesuch"):
        evaluate(root / "generated", f"{GUEST}.system.build.toplevel.drvPath")
