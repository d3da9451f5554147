"""Every place that the index knows holds the very key and value that the parser read."""

from __future__ import annotations

import json
import math
import tomllib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forage_gen.read.locate import json_index, toml_comments, toml_index
from forage_gen.read.source import split_lines

if TYPE_CHECKING:
    from collections.abc import Callable

    from forage_gen.read.locate import Index, KeyPath, Span
    from forage_gen.read.source import Value

# No lone surrogates, which UTF-8 cannot hold. NUL and the like are escaped.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
SCALARS = st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | TEXT


def values(scalars: st.SearchStrategy[Value]) -> st.SearchStrategy[Value]:
    return st.recursive(
        scalars,
        lambda below: st.lists(below, max_size=3) | st.dictionaries(TEXT, below, max_size=3),
        max_leaves=8,
    )


# Python writes infinity as `Infinity`, which is no JSON.
JSON_SCALARS = SCALARS.filter(lambda value: value not in (math.inf, -math.inf)) | st.none()
JSON_DOCUMENTS = st.dictionaries(TEXT, values(JSON_SCALARS), max_size=4)
TOML_DOCUMENTS = st.dictionaries(TEXT, values(SCALARS), max_size=4)
SPACE = st.sampled_from(["", " ", "\t", "  "])
NEWLINE = st.sampled_from(["\n", "\r\n"])


@st.composite
def toml_texts(draw: st.DrawFn) -> str:
    """A document in one of the many ways in which TOML lets people write it."""
    data = draw(TOML_DOCUMENTS)
    newline = draw(NEWLINE)
    lines: list[str] = []
    later: list[tuple[list[str], dict[str, Value]]] = []
    _write_table(draw, data, [], lines, later)
    while later:
        path, table = later.pop(0)
        lines += [draw(st.sampled_from(["", "# «"])), f"[{_dotted(draw, path)}] # a [b]"]
        _write_table(draw, table, path, lines, later)
    return newline.join(lines) + draw(st.sampled_from(["", newline]))


def _write_table(
    draw: st.DrawFn,
    table: dict[str, Value],
    path: list[str],
    lines: list[str],
    later: list[tuple[list[str], dict[str, Value]]],
) -> None:
    for key, value in table.items():
        if isinstance(value, dict) and draw(st.booleans()):
            later.append(([*path, key], value))
        elif isinstance(value, dict) and value and draw(st.booleans()):
            lines += [
                f"{_dotted(draw, [key, name])} = {_toml(draw, item)}"
                for name, item in value.items()
            ]
        else:
            lines.append(f"{_key(draw, key)}{draw(SPACE)}={draw(SPACE)}{_toml(draw, value)}")


def _dotted(draw: st.DrawFn, path: list[str]) -> str:
    return f"{draw(SPACE)}.{draw(SPACE)}".join(_key(draw, part) for part in path)


def _key(draw: st.DrawFn, key: str) -> str:
    if key and key.isascii() and key.replace("-", "").replace("_", "").isalnum():
        return draw(st.sampled_from([key, _toml_string(key)]))
    return _toml_string(key)


def _toml(draw: st.DrawFn, value: Value) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str():
            return _toml_text(draw, value)
        case list():
            comma = draw(st.sampled_from([", ", ",", " ,\n  # ]\n  "]))
            return f"[{draw(SPACE)}{comma.join(_toml(draw, item) for item in value)}]"
        case dict():
            pairs = (f"{_key(draw, key)} = {_toml(draw, item)}" for key, item in value.items())
            return f"{{ {', '.join(pairs)} }}"
        case _:
            return repr(value)


def _toml_text(draw: st.DrawFn, value: str) -> str:
    plain = value.isprintable() and "'" not in value
    return draw(st.sampled_from([_toml_string(value), *([f"'{value}'"] if plain else [])]))


def _toml_string(value: str) -> str:
    # JSON's escapes are TOML's, but for the characters that JSON leaves as they are.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


@given(toml_texts())
def test_toml(text: str) -> None:
    check(text, tomllib.loads(text), toml_index(text), as_value, as_key)


@given(JSON_DOCUMENTS, st.sampled_from([None, 0, 1, "\t"]), st.booleans(), NEWLINE)
def test_json(
    document: dict[str, Value],
    indent: int | str | None,
    escaped: bool,  # noqa: FBT001  hypothesis gives it
    newline: str,
) -> None:
    text = json.dumps(document, indent=indent, ensure_ascii=escaped).replace("\n", newline)
    check(text, document, json_index(text), json.loads, json.loads)


def check(
    text: str,
    data: Value,
    index: Index,
    parse: Callable[[str], object],
    parse_key: Callable[[str], object],
) -> None:
    paths = dict(below((), data))
    assert not index.duplicates
    assert set(index.spans) | {()} == set(paths)
    for path, entry in index.spans.items():
        if path and isinstance(path[-1], str):
            assert parse_key(slice_of(text, entry.key)) == path[-1]
        if entry.value != entry.key or (path and isinstance(path[-1], int)):
            assert parse(slice_of(text, entry.value)) == paths[path]
        else:  # a table that a header or a dotted key makes
            assert isinstance(paths[path], dict)


def below(path: KeyPath, value: Value) -> list[tuple[KeyPath, Value]]:
    """Every value of a document, by its path."""
    parts: list[tuple[str | int, Value]] = []
    if isinstance(value, dict):
        parts = [*value.items()]
    elif isinstance(value, list):
        parts = [*enumerate(value)]
    return [(path, value), *(pair for key, item in parts for pair in below((*path, key), item))]


def slice_of(text: str, span: Span) -> str:
    """What stands at a span."""
    rows = text.encode().split(b"\n")[span.row : span.end_row + 1]
    rows[-1] = rows[-1][: span.end_column]
    rows[0] = rows[0][span.column :]
    return b"\n".join(rows).decode()


def as_value(text: str) -> object:
    return tomllib.loads(f"x = {text}")["x"]


def as_key(text: str) -> str:
    (key,) = tomllib.loads(f"{text} = 0")
    return key


TABLES = """\
[[fruit]]
name = "apple"
[fruit.physical]
color = "red"
[[fruit.varieties]]
name = "red delicious"
[[fruit.varieties]]
name = "granny smith"
[[fruit]]
name = "banana"
[[fruit.varieties]]
name = "plantain"
"""


def test_arrays_of_tables() -> None:
    """The example of https://toml.io/en/v1.0.0#array-of-tables."""
    rows = {path: entry.key.row for path, entry in toml_index(TABLES).spans.items()}
    assert rows == {
        ("fruit",): 0,
        ("fruit", 0): 0,
        ("fruit", 0, "name"): 1,
        ("fruit", 0, "physical"): 2,
        ("fruit", 0, "physical", "color"): 3,
        ("fruit", 0, "varieties"): 4,
        ("fruit", 0, "varieties", 0): 4,
        ("fruit", 0, "varieties", 0, "name"): 5,
        ("fruit", 0, "varieties", 1): 6,
        ("fruit", 0, "varieties", 1, "name"): 7,
        ("fruit", 1): 8,
        ("fruit", 1, "name"): 9,
        ("fruit", 1, "varieties"): 10,
        ("fruit", 1, "varieties", 0): 10,
        ("fruit", 1, "varieties", 0, "name"): 11,
    }


@pytest.mark.parametrize(
    ("text", "path", "key", "value"),
    [
        ("a.b.c = 1", ("a",), "a", "a"),
        ("a.b.c = 1", ("a", "b"), "b", "b"),
        ("a.b.c = 1", ("a", "b", "c"), "c", "1"),
        ("[a . 'b.c']\nd = [ 1 ]", ("a", "b.c"), "'b.c'", "'b.c'"),
        ("[a . 'b.c']\nd = [ 1 ]", ("a", "b.c", "d", 0), "1", "1"),
        ("t = { a.b = 1, '' = {} }", ("t", ""), "''", "{}"),
        ("t = { a.b = 1, '' = {} }", ("t", "a", "b"), "b", "1"),
        ('"ß\\u00e9" = "日本" # x', ("ßé",), '"ß\\u00e9"', '"日本"'),
        ("a = '''\nb\n'''", ("a",), "a", "'''\nb\n'''"),
        ("a = 1979-05-27 07:32:00Z", ("a",), "a", "1979-05-27 07:32:00Z"),
        ("a = -nan\r\nb = +inf", ("b",), "b", "+inf"),
        ("a = 0xdead_beef", ("a",), "a", "0xdead_beef"),
        ("3.14 = 'pi'", ("3", "14"), "14", "'pi'"),
    ],
)
def test_ways_of_writing_toml(text: str, path: KeyPath, key: str, value: str) -> None:
    entry = toml_index(text).spans[path]
    assert slice_of(text, entry.key) == key
    assert slice_of(text, entry.value) == value


def test_comments() -> None:
    text = "# one\na = [ # two\n 1, #\n] # '#' three\nb = '# no' # four"
    assert [(each.row, each.text) for each in toml_comments(text)] == [
        (0, " one"),
        (1, " two"),
        (2, ""),
        (3, " '#' three"),
        (4, " four"),
    ]


def test_lines_end_where_parsers_end_them() -> None:
    assert split_lines("a\r\nb\x0bc\u2028d\ne") == ["a", "b\x0bc\u2028d", "e"]
