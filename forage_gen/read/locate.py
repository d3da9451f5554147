"""Where each key and value of a TOML or JSON text stands.

Values are read by the standard library. Places are looked up only when there
is something to say about them, so a clean build never pays for this module.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import tree_sitter
import tree_sitter_json
import tree_sitter_toml

if TYPE_CHECKING:
    from collections.abc import Iterator

KeyPath = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of text: rows from 0, columns in bytes from 0, as tree-sitter counts."""

    row: int
    column: int
    end_row: int
    end_column: int


@dataclass(frozen=True, slots=True)
class Entry:
    """The two places of one item: the key that names it and the value it has."""

    key: Span
    value: Span


@dataclass(frozen=True, slots=True)
class Comment:
    """One comment of a TOML file, without its `#`, and the row it is on."""

    row: int
    text: str


Spans = dict[KeyPath, Entry]


def toml_spans(text: str) -> Spans:
    """Index a valid TOML document (https://toml.io/en/v1.0.0) by key path."""
    spans: Spans = {}
    arrays: dict[KeyPath, int] = {}
    for node in _parse(text, tree_sitter_toml.language()).children:
        if node.type == "pair":
            _add_toml_pair(spans, (), node)
        elif node.type in {"table", "table_array_element"}:
            _add_toml_table(spans, arrays, node)
    return spans


def toml_comments(text: str) -> Iterator[Comment]:
    """Yield the comments of a TOML document, in order."""
    pending = [_parse(text, tree_sitter_toml.language())]
    while pending:
        node = pending.pop()
        if node.type == "comment":
            yield Comment(node.start_point[0], _text(node).removeprefix("#"))
        pending.extend(reversed(node.children))


def json_spans(text: str) -> Spans:
    """Index a valid JSON document (RFC 8259) by key path."""
    spans: Spans = {}
    root = _parse(text, tree_sitter_json.language())
    for node in root.named_children:
        spans[()] = Entry(_span(node), _span(node))
        _add_json_value(spans, (), node)
    return spans


def _parse(text: str, grammar: object) -> tree_sitter.Node:
    return tree_sitter.Parser(tree_sitter.Language(grammar)).parse(text.encode()).root_node


def _add_toml_table(spans: Spans, arrays: dict[KeyPath, int], node: tree_sitter.Node) -> None:
    header = next(child for child in node.named_children if child.type in _TOML_KEYS)
    path = _through_arrays(arrays, _toml_key(header))
    if node.type == "table_array_element":
        arrays[path] = arrays.get(path, -1) + 1
        path = (*path, arrays[path])
    entry = Entry(_span(header), _span(header))
    for depth in range(1, len(path) + 1):
        spans.setdefault(path[:depth], entry)
    spans[path] = entry
    for child in node.named_children:
        if child.type == "pair":
            _add_toml_pair(spans, path, child)


def _through_arrays(arrays: dict[KeyPath, int], key: tuple[str, ...]) -> KeyPath:
    """`[fruit.variety]` below `[[fruit]]` belongs to the array's last element."""
    path: KeyPath = ()
    for number, part in enumerate(key, start=1):
        path = (*path, part)
        if path in arrays and number < len(key):
            path = (*path, arrays[path])
    return path


def _add_toml_pair(spans: Spans, table: KeyPath, node: tree_sitter.Node) -> None:
    key, value = (child for child in node.named_children if child.type != "comment")
    path = (*table, *_toml_key(key))
    entry = Entry(_span(key), _span(value))
    for depth in range(len(table) + 1, len(path)):
        spans.setdefault(path[:depth], Entry(_span(key), _span(key)))
    spans[path] = entry
    _add_toml_value(spans, path, value)


def _add_toml_value(spans: Spans, path: KeyPath, node: tree_sitter.Node) -> None:
    items = [child for child in node.named_children if child.type != "comment"]
    if node.type == "array":
        for index, item in enumerate(items):
            spans[(*path, index)] = Entry(_span(item), _span(item))
            _add_toml_value(spans, (*path, index), item)
    elif node.type == "inline_table":
        for pair in items:
            _add_toml_pair(spans, path, pair)


_TOML_KEYS = frozenset({"bare_key", "quoted_key", "dotted_key"})


def _toml_key(node: tree_sitter.Node) -> tuple[str, ...]:
    if node.type == "dotted_key":
        parts = [child for child in node.named_children if child.type in _TOML_KEYS]
        return tuple(name for part in parts for name in _toml_key(part))
    if node.type == "quoted_key":
        return tuple(tomllib.loads(f"{_text(node)} = 0"))
    return (_text(node),)


def _add_json_value(spans: Spans, path: KeyPath, node: tree_sitter.Node) -> None:
    if node.type == "array":
        for index, item in enumerate(node.named_children):
            spans[(*path, index)] = Entry(_span(item), _span(item))
            _add_json_value(spans, (*path, index), item)
    elif node.type == "object":
        for pair in node.named_children:
            key, value = pair.named_children
            below = (*path, str(json.loads(_text(key))))
            spans[below] = Entry(_span(key), _span(value))
            _add_json_value(spans, below, value)


def _text(node: tree_sitter.Node) -> str:
    return (node.text or b"").decode()


def _span(node: tree_sitter.Node) -> Span:
    return Span(*node.start_point, *node.end_point)
