"""Lints a project that is valid."""

from __future__ import annotations

from typing import TYPE_CHECKING

from forage_gen.check.allow import silence
from forage_gen.check.registry import LINTS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from forage_gen.diagnostics import Diagnostic, Location
    from forage_gen.resolve.resolve import Resolved


def lint(resolved: Resolved) -> list[Diagnostic]:
    """Find what a project would better not do.

    Returns:
        The findings of all rules and the warnings of `resolved`, without those that
        are allowed, in the order of the files.
    """
    found = [diagnostic for rule in LINTS.values() for diagnostic in rule.run(resolved)]
    found += (warning for warning in resolved.warnings if warning.code not in LINTS)
    kept = silence(_once(found), resolved.inputs, LINTS)
    return sorted(kept, key=lambda diagnostic: diagnostic.sort_key)


def _once(found: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Report a value once, however many templates inherit it: at its worst."""
    worst: dict[tuple[str, Location], Diagnostic] = {}
    for diagnostic in found:
        place = diagnostic.code, diagnostic.location
        if place not in worst or diagnostic.severity > worst[place].severity:
            worst[place] = diagnostic
    return list(worst.values())
