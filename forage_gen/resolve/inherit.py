"""Merges templates along `extends`, remembering where each value came from.

Tables merge, lists append (the parent's items first), other values replace.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pydantic import ValidationError

from forage_gen.diagnostics import Diagnostic, Location, error
from forage_gen.read.explain_errors import closest, diagnose
from forage_gen.schema.models import Template

if TYPE_CHECKING:
    from collections.abc import Mapping

    from forage_gen.read.load import TemplateSource
    from forage_gen.read.locate import KeyPath
    from forage_gen.read.source import Table, Value


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
    table: Table = field(default_factory=dict)
    origins: dict[KeyPath, Origin] = field(default_factory=dict)


def merge_templates(
    sources: Mapping[str, TemplateSource],
) -> tuple[dict[str, Merged], list[Diagnostic]]:
    """Merge every template with its ancestors.

    Returns:
        The merged templates that are sound, and the findings in the others.
    """
    merged: dict[str, Merged] = {}
    found: list[Diagnostic] = []
    for name, source in sources.items():
        chain = _ancestry(source, sources, found)
        if chain is None:
            continue
        draft = _Draft()
        for ancestor in chain:
            _overlay(draft, draft.table, (), ancestor, (), ancestor.table)
        places = Merged(name, source, Template(), draft.origins)
        try:
            model = Template.model_validate(draft.table)
        except ValidationError as failure:
            found.extend(diagnose(failure, Template, places))
            continue
        merged[name] = Merged(name, source, model, draft.origins)
    return merged, found


def _ancestry(
    source: TemplateSource, sources: Mapping[str, TemplateSource], found: list[Diagnostic]
) -> list[TemplateSource] | None:
    """List a template and its ancestors, the oldest first. None if there is no such line."""
    chain = [source]
    while (parent := chain[0].table.get("extends")) is not None:
        where = chain[0].value(("extends",))
        if parent not in sources:
            if chain[0] is source:  # said once, at the template that says it
                found.append(_no_parent(str(parent), source, where, list(sources)))
            return None
        names = [template.name for template in chain]
        if parent in names:
            if parent == source.name:  # the others on the circle say it for themselves
                circle = " → ".join([source.name, *reversed(names[:-1]), source.name])
                message = f"`{source.name}` inherits from itself: {circle}."
                hint = "Remove `extends` from one of them."
                found.append(error("inheritance-cycle", message, hint, source.value(("extends",))))
            return None
        chain.insert(0, sources[str(parent)])
    return chain


def _no_parent(
    parent: str, source: TemplateSource, where: Location, known: list[str]
) -> Diagnostic:
    others = [name for name in known if name != source.name]
    close = closest(parent, others)
    listed = ", ".join(f"`{name}`" for name in sorted(others)) or "none"
    hint = f"Did you mean `{close}`?" if close else f"The other templates are: {listed}."
    return error("no-such-parent", f"There is no template `{parent}` to extend.", hint, where)


def _overlay(
    draft: _Draft,
    into: Table,
    at: KeyPath,
    source: TemplateSource,
    path: KeyPath,
    table: Table,
) -> None:
    for key, value in table.items():
        if not at and key == "extends":
            continue
        here, there = (*at, key), (*path, key)
        old = into.get(key)
        if isinstance(value, dict):
            below = into[key] = dict(old) if isinstance(old, dict) else {}
            draft.origins[here] = Origin(source, there)
            _overlay(draft, below, here, source, there, value)
        elif isinstance(value, list):
            _append(draft, into, here, source, there, value)
        else:
            into[key] = value
            draft.origins[here] = Origin(source, there)


def _append(
    draft: _Draft,
    into: Table,
    here: KeyPath,
    source: TemplateSource,
    there: KeyPath,
    items: list[Value],
) -> None:
    key = str(here[-1])
    old = into.get(key)
    before = old if isinstance(old, list) else []
    into[key] = [*before, *items]
    draft.origins[here] = Origin(source, there)
    for index in range(len(items)):
        draft.origins[(*here, len(before) + index)] = Origin(source, (*there, index))
