"""Writes an imported template as TOML."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

from forage_gen.emit.render import render
from forage_gen.quote import toml
from forage_gen.quote.toml import TomlToken
from forage_gen.report.visible import visible
from forage_gen.values.text import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from forage_gen.importer.keys import Key
    from forage_gen.read.locate import KeyPath
    from forage_gen.read.source import Value

_COMMENT_WIDTH = 90
TITLE = "Migrating from firefly-forage"
"""The page of the docs that says what differs under the same name."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """One value: the row that it goes by, where it goes, where it comes from."""

    key: Key
    target: tuple[str, ...]
    source: KeyPath
    value: Value


@dataclass(frozen=True, slots=True)
class Note:
    """What was left behind, and why."""

    path: KeyPath
    why: str

    @property
    def what(self) -> str:
        """The path as people write it, safe to show."""
        return visible(shown(".".join(map(str, self.path))))


def template_text(name: str, leaves: Sequence[Leaf], notes: Iterable[Note]) -> str:
    """Write a template.

    Args:
        name: Its name.
        leaves: Its values, in the order in which they are written. They were checked.
        notes: What was left behind.

    Returns:
        The text of templates/NAME.toml.
    """
    return render(
        TomlToken,
        "toml/imported.toml.j2",
        head=list(_comments(_head(name, leaves))),
        left=list(_comments(f"- {note.what}: {note.why}" for note in notes)),
        tables=list(_tables(leaves)),
    )


def _head(name: str, leaves: Sequence[Leaf]) -> Iterator[str]:
    yield f"firefly-forage's template `{name}`, by `forage-gen import`."
    yield f'"{TITLE}" in Forage\'s docs says what differs under the same name.'
    secrets = {leaf.value for leaf in leaves if leaf.target[2:] == ("secretName",)}
    if secrets:
        names = ", ".join(sorted(map(str, secrets)))
        yield f"Name the files of its secrets in forage.toml, below [secrets]: {names}."
    inside = sorted(leaf.target[1] for leaf in leaves if leaf.target[2:] == ("auth",))
    if inside:
        yield (
            "Forage does not know which APIs these agents ask, so their keys are inside, as they"
            f" were: {', '.join(inside)}. See `auth` and `[proxies]`."
        )


def _comments(paragraphs: Iterable[str]) -> Iterator[TomlToken]:
    for paragraph in paragraphs:
        indent = "  " if paragraph.startswith("- ") else ""
        for line in textwrap.wrap(
            visible(paragraph),
            _COMMENT_WIDTH,
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
        ):
            yield toml.comment(line)


def _tables(leaves: Sequence[Leaf]) -> Iterator[dict[str, object]]:
    tables: dict[tuple[str, ...], list[tuple[TomlToken, TomlToken]]] = {(): []}
    for leaf in leaves:
        if leaf.value != []:
            pair = toml.key(leaf.target[-1]), _token(leaf.value)
            tables.setdefault(leaf.target[:-1], []).append(pair)
    tops = list(dict.fromkeys(path[:1] for path in tables))
    for path in sorted(tables, key=lambda path: (tops.index(path[:1]), path)):
        yield {"header": toml.header(path) if path else None, "pairs": tables[path]}


def _token(value: Value) -> TomlToken:
    match value:
        case bool():
            return toml.boolean(value)
        case int():
            return toml.integer(value)
        case str():
            return toml.string(value)
        case list():
            return toml.array(map(_token, value))
        case _:
            return TomlToken.refuse(value, "no key of a template has such a value")
