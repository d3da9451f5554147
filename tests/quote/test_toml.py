"""tomllib reads back what was quoted for TOML."""

from __future__ import annotations

import itertools
import tomllib
from typing import TYPE_CHECKING

import pytest

from forage_gen.quote import toml
from tests.quote.expectations import assert_read_back, assert_refused
from tests.quote.samples import COMMENTS, SOME, TEXTS, UNENCODABLE, in_batches

if TYPE_CHECKING:
    from collections.abc import Callable


def read(lines: list[str]) -> dict[str, object]:
    return tomllib.loads("".join(f"{line}\n" for line in lines))


@in_batches(TEXTS)
def test_strings(texts: list[str]) -> None:
    lines = [f"x{n} = {toml.string(text)}" for n, text in enumerate(texts)]
    assert_read_back(list(read(lines).values()), texts)


@in_batches(TEXTS, SOME)
def test_keys(texts: list[str]) -> None:
    names = list(dict.fromkeys(texts))
    read_back = read([f"{toml.key(name)} = {n}" for n, name in enumerate(names)])
    assert_read_back(list(read_back), names)


@in_batches(TEXTS, SOME)
def test_headers(texts: list[str]) -> None:
    names = list(dict.fromkeys(texts))
    tables = read([f"{toml.header(('t', name))}\nx = {n}" for n, name in enumerate(names)])["t"]
    assert isinstance(tables, dict)
    assert_read_back(list(tables), names)


@in_batches(TEXTS, SOME)
def test_arrays(texts: list[str]) -> None:
    assert_read_back([read([f"x = {toml.array(map(toml.string, texts))}"])["x"]], [texts])


@in_batches(COMMENTS, SOME)
def test_comments(texts: list[str]) -> None:
    lines = [f"{toml.comment(text)}\nx{n} = {n}" for n, text in enumerate(texts)]
    assert_read_back(list(read(lines).values()), list(range(len(texts))))


@pytest.mark.parametrize("value", [True, False])
def test_booleans(value: bool) -> None:  # noqa: FBT001 - the value is what it is about
    assert read([f"x = {toml.boolean(value)}"]) == {"x": value}


@pytest.mark.parametrize("value", [0, -1, 512, 2**63 - 1, -(2**63)])
def test_integers(value: int) -> None:
    assert read([f"x = {toml.integer(value)}"]) == {"x": value}


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1])
def test_integers_of_more_than_64_bits_are_refused(value: int) -> None:
    assert_refused(toml.integer, value)


@pytest.mark.parametrize("text", ["a\nx = 1", "a\rx", "a\x1b[2J", "a\u2028x = 1", "\u202e"])
def test_comments_of_several_lines_or_hidden_text_are_refused(text: str) -> None:
    assert_refused(toml.comment, text)


@in_batches(UNENCODABLE, SOME)
def test_text_that_is_no_utf_8_is_refused(texts: list[str]) -> None:
    functions: list[Callable[[str], object]] = [toml.string, toml.key, toml.comment]
    for quote, text in itertools.product(functions, texts):
        assert_refused(quote, text)
