"""Nix reads back what was quoted for it."""

from __future__ import annotations

import itertools
import json
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import strategies as st

from forage_gen.quote import nix
from forage_gen.quote.nix import NixToken
from forage_gen.quote.token import Unquotable
from tests.quote.expectations import assert_read_back, assert_refused
from tests.quote.samples import COMMENTS, SOME, TEXTS, UNENCODABLE, in_batches
from tests.requirements import require

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

KEYWORDS = ["assert", "else", "if", "in", "inherit", "let", "or", "rec", "then", "with"]
LINES = st.lists(TEXTS, min_size=2, max_size=4).map("\n".join)
NAMES = TEXTS | st.from_regex(r"[A-Za-z_][A-Za-z0-9_'-]{0,9}", fullmatch=True)
COMPONENTS = st.from_regex(r"[A-Za-z0-9_+-][A-Za-z0-9._+-]{0,9}", fullmatch=True)


@pytest.fixture(scope="module", autouse=True)
def reader() -> None:
    require("nix-instantiate")


def evaluate(expressions: Iterable[str], cwd: Path | None = None) -> list[object]:
    """What Nix makes of the expressions, as elements of one list."""
    program = "[\n" + "".join(f"{expression}\n" for expression in expressions) + "]\n"
    done = subprocess.run(
        ["nix-instantiate", "--eval", "--strict", "--json", "--store", "dummy://", "-"],
        input=program.encode(),
        capture_output=True,
        cwd=cwd,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    values: list[object] = json.loads(done.stdout)
    return values


@in_batches(TEXTS)
def test_strings(texts: list[str]) -> None:
    assert_read_back(evaluate(map(nix.string, texts)), texts)


@pytest.mark.parametrize("indent", [0, 4])
@in_batches(LINES)
def test_indented_strings(indent: int, texts: list[str]) -> None:
    margin = " " * indent
    assert_read_back(evaluate(margin + nix.indented_string(text, indent) for text in texts), texts)


@in_batches(NAMES)
def test_attribute_names(names: list[str]) -> None:
    sets = [f"(builtins.attrNames {{ {nix.attr_name(name)} = 1; }})" for name in names]
    assert_read_back(evaluate(sets), [[name] for name in names])


@in_batches(st.lists(NAMES, min_size=1, max_size=3), SOME)
def test_attribute_paths(paths: list[list[str]]) -> None:
    tokens = [nix.attr_path(path) for path in paths]
    selections = [f"({{ {token} = {n}; }}).{token}" for n, token in enumerate(tokens)]
    assert_read_back(evaluate(selections), list(range(len(paths))))


@in_batches(TEXTS, SOME)
def test_paths_in_what_a_derivation_makes(texts: list[str]) -> None:
    paths = [
        f'(let {nix.attr_name("in")} = "/made"; a = {{ inherit {nix.attr_name("in")}; }}; '
        f"in {nix.below(nix.attr_path(('a', 'in')), text)})"
        for text in texts
    ]
    assert_read_back(evaluate(paths), [f"/made/{text}" for text in texts])


@in_batches(st.lists(COMPONENTS, min_size=1, max_size=3), SOME)
def test_relative_paths(tmp_path_factory: pytest.TempPathFactory, paths: list[list[str]]) -> None:
    here = tmp_path_factory.getbasetemp()
    literals = [nix.path_literal("./" + "/".join(path)) for path in paths]
    expected = [str(here.joinpath(*path)) for path in paths]
    assert_read_back(evaluate((f"(toString {literal})" for literal in literals), here), expected)


@in_batches(st.integers(min_value=-(2**63 - 1), max_value=2**63 - 1), SOME)
def test_integers(numbers: list[int]) -> None:
    assert_read_back(evaluate(map(nix.integer, numbers)), numbers)


@in_batches(st.lists(TEXTS, max_size=4), SOME)
def test_lists(lists: list[list[str]]) -> None:
    assert_read_back(evaluate(nix.list_of(map(nix.string, texts)) for texts in lists), lists)


@in_batches(COMMENTS, SOME)
def test_comments(texts: list[str]) -> None:
    lines = [f"{nix.comment(text)}\n{n}" for n, text in enumerate(texts)]
    assert_read_back(evaluate(lines), list(range(len(texts))))


def test_booleans() -> None:
    assert_read_back(evaluate([nix.boolean(value=True), nix.boolean(value=False)]), [True, False])


@in_batches(UNENCODABLE, SOME)
def test_text_that_is_no_utf_8_is_refused(texts: list[str]) -> None:
    functions: list[Callable[[str], object]] = [
        nix.string,
        lambda text: nix.indented_string(f"a\n{text}"),
        nix.attr_name,
        nix.path_literal,
        nix.comment,
    ]
    for quote, text in itertools.product(functions, texts):
        assert_refused(quote, text)


@pytest.mark.parametrize("number", [2**63, -(2**63)])
def test_an_integer_that_nix_cannot_read_is_refused(number: int) -> None:
    with pytest.raises(Unquotable, match="64 bits"):
        nix.integer(number)


@pytest.mark.parametrize(
    "path",
    ["", "a", "/a", "./", ".", "./a/", "./a//b", "./..", "./.a", "./a b", "./a$b", "~/a", "./é"],
)
def test_a_path_that_is_not_plain_and_relative_is_refused(path: str) -> None:
    assert_refused(nix.path_literal, path)


def test_an_empty_attribute_path_is_refused() -> None:
    with pytest.raises(Unquotable, match="at least one"):
        nix.attr_path([])


@pytest.mark.parametrize(
    ("name", "written"),
    [("a", "a"), ("_a'-1", "_a'-1"), ("1a", '"1a"'), ("a.b", '"a.b"'), ("", '""')],
)
def test_a_name_is_bare_where_it_can_be(name: str, written: str) -> None:
    assert nix.attr_name(name) == written


@pytest.mark.parametrize("keyword", KEYWORDS)
def test_a_keyword_is_no_bare_name(keyword: str) -> None:
    assert nix.attr_name(keyword) == f'"{keyword}"'


def test_several_lines_are_indented_with_the_code_around_them() -> None:
    assert nix.indented_string("if x; then\n  y ${z}\n\nfi\n", indent=2) == (
        "''\n    if x; then\n      y ''${z}\n\n    fi\n  ''"
    )


@pytest.mark.parametrize("text", ["one line", " a\n  b\n", "a\n  \nb", "\n\n", ""])
def test_what_indentation_would_change_is_a_plain_string(text: str) -> None:
    assert nix.indented_string(text) == nix.string(text)


@pytest.mark.parametrize(
    ("items", "indent", "written"),
    [
        ([], 2, "[ ]"),
        (["a"], 2, "[ a ]"),
        (["a", "b"], 2, "[\n    a\n    b\n  ]"),
        (["x" * 95], 0, f"[ {'x' * 95} ]"),
        (["x" * 96], 0, f"[\n  {'x' * 96}\n]"),
    ],
)
def test_lists_are_laid_out_as_nixfmt_does(items: list[str], indent: int, written: str) -> None:
    assert nix.list_of(map(NixToken, items), indent) == written


def test_a_list_of_text_is_no_list_of_tokens() -> None:
    with pytest.raises(TypeError):
        nix.list_of(["a"])  # type: ignore[list-item]
    with pytest.raises(TypeError):
        nix.list_of(["a", "b"])  # type: ignore[list-item]
