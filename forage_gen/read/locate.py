"""Where each key and value of a TOML or JSON text stands.

Values are read by the standard library. Places are looked up only when there
is something to say about them, so a clean build never pays for this module.
"""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import tree_sitter
import tree_sitter_json
import tree_sitter_toml

if TYPE_CHECKING:
    from collections.abc import Iterator

KeyPath = tuple[str | int, ...]

MAX_DEPTH = 32
"""How deep items are indexed. No key of Forage is deeper than five tables."""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of text: rows from 0, columns in bytes from 0, as tree-sitter counts."""

    row: int
    column: int
    end_row: int
    end_column: int


@dataclass(frozen=True, slots=True)
class Entry:
    """The two places of one item: the key that names it and the value it has.

    An item of a list has no key, and a table that only a header or a dotted key
    makes has no value; there the two are the same.
    """

    key: Span
    value: Span


@dataclass(frozen=True, slots=True)
class Comment:
    """One comment of a TOML file, without its `#`, and the row it is on."""

    row: int
    text: str


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A key that is written a second time, which neither language allows."""

    path: KeyPath
    first: Span
    second: Span


Spans = dict[KeyPath, Entry]


@dataclass
class Index:
    """The places of a document, by key path.

    `written` has the paths that a document may give a value only once. In a TOML
    document that is broken elsewhere, the index has what could be made out.
    """

    spans: Spans = field(default_factory=dict)
    written: set[KeyPath] = field(default_factory=set)
    duplicates: list[Duplicate] = field(default_factory=list)

    def write(self, path: KeyPath, entry: Entry) -> None:
        """Note the place at which a document gives `path` its value."""
        if path in self.written:
            self.duplicates.append(Duplicate(path, self.spans[path].key, entry.key))
            return
        self.written.add(path)
        self.spans[path] = entry

    def imply(self, path: KeyPath, span: Span) -> None:
        """Note a table that exists because something below it is written."""
        self.spans.setdefault(path, Entry(span, span))


def toml_index(text: str) -> Index:
    """Index a TOML document (https://toml.io/en/v1.0.0)."""
    index = Index()
    arrays: dict[KeyPath, int] = {}
    for node in _parse(text, tree_sitter_toml.language()).children:
        if node.type == "pair":
            _add_toml_pair(index, (), node)
        elif node.type in {"table", "table_array_element"}:
            _add_toml_table(index, arrays, node)
    return index


def toml_comments(text: str) -> Iterator[Comment]:
    """Yield the comments of a TOML document, in order."""
    pending = [_parse(text, tree_sitter_toml.language())]
    while pending:
        node = pending.pop()
        if node.type == "comment":
            yield Comment(node.start_point[0], _text(node).removeprefix("#"))
        pending.extend(reversed(node.children))


# The grammar knows no `+` in numbers: `1e+9` is `1e09` to it, of the same length.
# Strings are matched to be left alone.
_EXPONENT = re.compile(r'("(?:[^"\\]|\\.)*")|([eE])\+')


def json_index(text: str) -> Index:
    """Index a JSON document (RFC 8259)."""
    index = Index()
    readable = _EXPONENT.sub(lambda match: match[1] or f"{match[2]}0", text)
    for node in _items(_parse(readable, tree_sitter_json.language())):
        index.spans[()] = Entry(_span(node), _span(node))
        _add_json_value(index, (), node)
    return index


def _parse(text: str, grammar: object) -> tree_sitter.Node:
    return tree_sitter.Parser(tree_sitter.Language(grammar)).parse(text.encode()).root_node


def _items(node: tree_sitter.Node) -> list[tree_sitter.Node]:
    return [child for child in node.named_children if child.type not in {"comment", "ERROR"}]


def _add_toml_table(index: Index, arrays: dict[KeyPath, int], node: tree_sitter.Node) -> None:
    header = next((child for child in node.named_children if child.type in _TOML_KEYS), None)
    if header is None:
        return
    parts = _toml_key(header)
    path = _toml_path(index, arrays, parts)
    span = parts[-1][1]
    if node.type == "table_array_element":
        arrays[path] = arrays.get(path, -1) + 1
        index.imply(path, span)
        path = (*path, arrays[path])
    index.write(path, Entry(span, span))
    for child in node.named_children:
        if child.type == "pair":
            _add_toml_pair(index, path, child)


def _toml_path(index: Index, arrays: dict[KeyPath, int], parts: list[tuple[str, Span]]) -> KeyPath:
    """Find what a header means: `[fruit.variety]` is in the last element of `[[fruit]]`."""
    path: KeyPath = ()
    for name, span in parts[:-1]:
        path = (*path, name)
        index.imply(path, span)
        if path in arrays:
            path = (*path, arrays[path])
    return (*path, parts[-1][0])


def _add_toml_pair(index: Index, table: KeyPath, node: tree_sitter.Node) -> None:
    match _items(node):
        case [key, value]:
            path = table
            parts = _toml_key(key)
            for name, span in parts[:-1]:
                path = (*path, name)
                index.imply(path, span)
            name, span = parts[-1]
            path = (*path, name)
            index.write(path, Entry(span, _span(value)))
            _add_toml_value(index, path, value)


def _add_toml_value(index: Index, path: KeyPath, node: tree_sitter.Node) -> None:
    if len(path) >= MAX_DEPTH:
        return
    if node.type == "array":
        for number, item in enumerate(_items(node)):
            index.write((*path, number), Entry(_span(item), _span(item)))
            _add_toml_value(index, (*path, number), item)
    elif node.type == "inline_table":
        for pair in _items(node):
            _add_toml_pair(index, path, pair)


_TOML_KEYS = frozenset({"bare_key", "quoted_key", "dotted_key"})


def _toml_key(node: tree_sitter.Node) -> list[tuple[str, Span]]:
    """Split a key at its dots, each part with its place."""
    parts: list[tuple[str, Span]] = []
    pending = [node]
    # The grammar nests `a.b.c` as `(a.b).c`.
    while pending:
        part = pending.pop()
        if part.type == "dotted_key":
            pending.extend(child for child in part.named_children if child.type in _TOML_KEYS)
        elif part.type == "quoted_key":
            parts.append((next(iter(tomllib.loads(f"{_text(part)} = 0"))), _span(part)))
        else:
            parts.append((_text(part), _span(part)))
    return parts[::-1][:MAX_DEPTH]


def _add_json_value(index: Index, path: KeyPath, node: tree_sitter.Node) -> None:
    if len(path) >= MAX_DEPTH:
        return
    if node.type == "array":
        for number, item in enumerate(_items(node)):
            index.write((*path, number), Entry(_span(item), _span(item)))
            _add_json_value(index, (*path, number), item)
    elif node.type == "object":
        for pair in _items(node):
            match _items(pair):
                case [key, value]:
                    below = (*path, str(json.loads(_text(key))))
                    index.write(below, Entry(_span(key), _span(value)))
                    _add_json_value(index, below, value)


def _text(node: tree_sitter.Node) -> str:
    return (node.text or b"").decode()


def _span(node: tree_sitter.Node) -> Span:
    return Span(*node.start_point, *node.end_point)
