"""Merges templates along `extends`, remembering where each value came from.

Tables merge, lists append (the parent's items first), other values replace. At the keys
that a template `replaces`, it inherits nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pydantic import ValidationError

from forage_gen.diagnostics import error
from forage_gen.read.explain_errors import diagnose, suggest
from forage_gen.schema.models import Template
from forage_gen.values.text import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from forage_gen.diagnostics import Diagnostic, Location
    from forage_gen.read.load import TemplateSource
    from forage_gen.read.locate import KeyPath
    from forage_gen.read.source import Table, Value


_REPLACES = "replaces"
# What a template says of itself alone.
_NOT_INHERITED = frozenset({"extends", _REPLACES, "allowFindings"})


@dataclass(frozen=True, slots=True)
class Origin:
    """Where one merged value was written: the template, and the path in it."""

    source: TemplateSource
    path: KeyPath


@dataclass(frozen=True)
class Merged:
    """A template with everything it inherits.

    `origins` has an entry for every key and list item that was written.
    """

    name: str
    source: TemplateSource
    model: Template
    origins: Mapping[KeyPath, Origin]

    def key(self, path: KeyPath) -> Location:
        """Where the key at `path` was written, or the nearest one above it."""
        origin = self.origin(path)
        return origin.source.key(origin.path) if origin else self.source.key(())

    def value(self, path: KeyPath) -> Location:
        """Where the value at `path` was written, or the nearest one above it."""
        origin = self.origin(path)
        return origin.source.value(origin.path) if origin else self.source.key(())

    def origin(self, path: KeyPath) -> Origin | None:
        """Find the origin of `path`, or of the nearest path above it that was written."""
        return next(
            (self.origins[path[:n]] for n in range(len(path), 0, -1) if path[:n] in self.origins),
            None,
        )


@dataclass
class _Draft:
    """A template being merged: what it holds so far."""

    table: Table = field(default_factory=dict)
    origins: dict[KeyPath, Origin] = field(default_factory=dict)

    def overlay(self, source: TemplateSource) -> None:
        """Lay a template over what is there."""
        own = {key: value for key, value in source.table.items() if key not in _NOT_INHERITED}
        for path, _ in _replaced(source):
            self._forget(path)
        self._overlay(self.table, own, (), source)

    def check_replaced(self, source: TemplateSource) -> Iterator[Diagnostic]:
        """Yield what a template replaces and does not inherit from what is there."""
        known = {".".join(map(str, path)) for path in self.origins if _is_key(path)}
        for path, index in _replaced(source):
            if path not in self.origins:
                key = ".".join(path)
                message = f"Nothing is inherited at {shown(key)}, so there is nothing to replace."
                hint = suggest(key, known, "The inherited keys")
                where = source.value((_REPLACES, index))
                yield error("nothing-to-replace", message, hint, where)

    def _forget(self, path: tuple[str, ...]) -> None:
        """Take the key at `path` away, with all below it."""
        table: Value = self.table
        for part in path[:-1]:
            table = table.get(part) if isinstance(table, dict) else None
        if isinstance(table, dict):
            table.pop(path[-1], None)
        for each in [each for each in self.origins if each[: len(path)] == path]:
            del self.origins[each]

    def _overlay(self, into: Table, table: Table, at: KeyPath, source: TemplateSource) -> None:
        for key, value in table.items():
            here = (*at, key)
            old = into.get(key)
            if isinstance(value, dict):
                below = into[key] = dict(old) if isinstance(old, dict) else {}
                self.origins[here] = Origin(source, here)
                self._overlay(below, value, here, source)
                continue
            before = old if isinstance(old, list) and isinstance(value, list) else []
            if not before:
                self._forget_items(here, old)
            into[key] = [*before, *value] if isinstance(value, list) else value
            self.origins[here] = Origin(source, here)
            self._note_items(here, len(before), value, source)

    def _forget_items(self, here: KeyPath, old: Value) -> None:
        for index in range(len(old) if isinstance(old, list) else 0):
            del self.origins[(*here, index)]

    def _note_items(self, here: KeyPath, before: int, value: Value, source: TemplateSource) -> None:
        for index in range(len(value) if isinstance(value, list) else 0):
            self.origins[(*here, before + index)] = Origin(source, (*here, index))


def _replaced(source: TemplateSource) -> Iterator[tuple[tuple[str, ...], int]]:
    """Yield the paths that a sound template replaces, with their places in its list."""
    written = source.table.get(_REPLACES)
    for index, key in enumerate(written if isinstance(written, list) else []):
        yield tuple(str(key).split(".")), index


def _is_key(path: KeyPath) -> bool:
    return all(isinstance(part, str) for part in path)


def merge_templates(
    sources: Mapping[str, TemplateSource],
) -> tuple[dict[str, Merged], list[Diagnostic]]:
    """Merge every template with its ancestors.

    Templates that are not sound, or inherit from one that is not, are left out:
    what is wrong with them was found when they were read.

    Returns:
        The merged templates, and what is wrong with the others once merged.
    """
    merged: dict[str, Merged] = {}
    found: list[Diagnostic] = []
    for name, source in sources.items():
        chain = _ancestry(source, sources)
        if chain is None:
            continue
        draft = _Draft()
        for ancestor in chain:
            found.extend(draft.check_replaced(ancestor))
            draft.overlay(ancestor)
        places = Merged(name, source, Template(), draft.origins)
        try:
            model = Template.model_validate(draft.table)
        except ValidationError as failure:
            found.extend(diagnose(failure, Template, places))
            continue
        merged[name] = Merged(name, source, model, draft.origins)
    return merged, found


def _ancestry(
    source: TemplateSource, sources: Mapping[str, TemplateSource]
) -> list[TemplateSource] | None:
    """List a template and its ancestors, the oldest first; None if the line is not sound."""
    line = {source.name: source}
    last = source
    while last.parent is not None:
        parent = sources.get(last.parent)
        if parent is None or parent.name in line:
            return None
        line[parent.name] = last = parent
    return [*reversed(line.values())] if all(each.sound for each in line.values()) else None
