from __future__ import annotations

import json
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forage_gen.values.packages import AttributePath, attribute_path, format_attribute_path
from forage_gen.values.problem import ValueProblem
from tests.requirements import require
from tests.values.table import Refused, check_refused, ids


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("ripgrep", ("ripgrep",)),
        ("python3Packages.requests", ("python3Packages", "requests")),
        ("linuxPackages_6_6.perf", ("linuxPackages_6_6", "perf")),
        ("_1password-gui", ("_1password-gui",)),
        ("claude-code", ("claude-code",)),
        ("x'", ("x'",)),
        ('nodePackages."@angular/cli"', ("nodePackages", "@angular/cli")),
        ('"1password"', ("1password",)),
        ('a."b.c".d', ("a", "b.c", "d")),
        (r'a."q\"b\\"', ("a", 'q"b\\')),
        (r'a."\$x"', ("a", "$x")),
        ('"if"', ("if",)),
        ("sources.tool", ("sources", "tool")),
    ],
)
def test_attribute_path(text: str, path: AttributePath) -> None:
    assert attribute_path(text) == path


@pytest.mark.parametrize(
    "case",
    [
        Refused("", "package-empty", "no name", "such as `ripgrep`"),
        Refused("pkgs.ripgrep", "package-prefix", "which is implied", "`ripgrep`"),
        Refused("nixpkgs.python3Packages.x", "package-prefix", "implied", "`python3Packages.x`"),
        Refused("nixpkgs#ripgrep", "package-flake", "a flake", "`ripgrep`"),
        Refused("github:owner/repo#tool", "package-flake", "a flake", "`tool`"),
        Refused("ripgrep==1", "package-version", "one version under each name", "`ripgrep`"),
        Refused("ripgrep >= 14", "package-version", "one version under each name", "`ripgrep`"),
        Refused("npm@10", "package-version", "one version under each name", "`npm`"),
        Refused("ripgrep fd", "package-space", "a space", "each entry"),
        Refused(" ripgrep", "package-space", "a space", "`ripgrep`"),
        Refused("with pkgs; [ fd ]", "package-expression", "a Nix expression", "such as"),
        Refused('a."${b}"', "package-expression", "a Nix expression", "such as"),
        Refused("sources", "package-source", "no source", "`sources.NAME`"),
        Refused("sources.a.b", "package-source", "no source", "`sources.a`"),
        Refused("let", "package-keyword", "a word of the Nix language", '`"let"`'),
        Refused("a.rec", "package-keyword", "a word of the Nix language", '`"rec"`'),
        Refused("1password", "package-invalid", "not an attribute path", "need quotes"),
        Refused("foo-1.2", "package-invalid", "not an attribute path", "need quotes"),
        Refused("a..b", "package-invalid", "not an attribute path", "dots between"),
        Refused("a.", "package-invalid", "not an attribute path", "dots between"),
        Refused('a."b', "package-invalid", "not an attribute path", "dots between"),
        Refused('a.""', "package-invalid", "not an attribute path", "dots between"),
        Refused('a."b"c', "package-invalid", "not an attribute path", "dots between"),
        Refused("a/b", "package-invalid", "not an attribute path", "need quotes"),
        Refused("paquet-é", "package-invalid", "not an attribute path", "need quotes"),
        Refused("a;b", "package-invalid", "not an attribute path", "need quotes"),
        Refused("a\nb", "package-control-character", "a newline", "without control"),
        Refused("x." * 200, "package-too-long", "255 characters", "each entry"),
    ],
    ids=ids,
)
def test_attribute_path_refuses(case: Refused) -> None:
    check_refused(attribute_path, case)


PART = st.one_of(
    st.sampled_from(
        ["ripgrep", "or", "if", "python3Packages", "_1", "a'b", "@angular/cli", "$", "''"]
    ),
    st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=8),
).filter(lambda part: "${" not in part)
PATHS = (
    st.lists(PART, min_size=1, max_size=3)
    .map(tuple)
    .filter(lambda path: path[0] not in ("pkgs", "nixpkgs"))
)


@given(PATHS)
@settings(max_examples=300)
def test_a_formatted_path_reads_back_as_itself(path: AttributePath) -> None:
    text = format_attribute_path(path)
    try:
        assert attribute_path(text) == path
    except ValueProblem as problem:
        assert problem.code in {"package-version", "package-flake", "package-control-character"}  # noqa: PT017 - quoted look-alikes


@given(st.lists(PATHS, min_size=1, max_size=20))
@settings(max_examples=20)
def test_nix_reads_what_is_written(paths: list[AttributePath]) -> None:
    require("nix-instantiate")
    # Nix itself says which names it read: the tree of each path, as JSON.
    trees = " ".join(f"{{ {format_attribute_path(path)} = true; }}" for path in paths)
    done = subprocess.run(
        ["nix-instantiate", "--eval", "--json", "--strict", "-E", f"[ {trees} ]"],
        capture_output=True,
        text=True,
        check=True,
    )
    for path, tree in zip(paths, json.loads(done.stdout), strict=True):
        for part in path:
            assert list(tree) == [part]
            tree = tree[part]  # noqa: PLW2901 - one step down
        assert tree is True


@pytest.mark.parametrize(
    "text",
    [
        "ripgrep",
        "python3Packages.requests",
        'nodePackages."@angular/cli"',
        r'a."q\"b\\".c',
        '"if"',
        "x'",
    ],
)
def test_nix_selects_what_is_taken(text: str) -> None:
    require("nix-instantiate")
    path = attribute_path(text)
    expression = f"let pkgs = {{ {format_attribute_path(path)} = 1; }}; in pkgs.{text}"
    done = subprocess.run(
        ["nix-instantiate", "--eval", "-E", expression],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "1"
