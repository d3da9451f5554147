"""Takes away the findings that a project allows, with the reason why they are right there."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from forage_gen.check.allow_comments import of_comments
from forage_gen.check.allow_keys import Tables, of_keys
from forage_gen.diagnostics import Diagnostic, Severity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from forage_gen.check.allowance import Allowance, Place
    from forage_gen.check.rule import Rule
    from forage_gen.read.load import Inputs


def silence(
    found: Sequence[Diagnostic], inputs: Inputs, known: Mapping[str, Rule]
) -> list[Diagnostic]:
    """Take away what comments and `allowFindings` allow, and add what is wrong with these.

    An error is never taken away.

    Args:
        found: The findings.
        inputs: The files that they are in.
        known: The rules whose findings can be allowed, by code.
    """
    problems: list[Diagnostic] = []
    codes = {*known, *(diagnostic.code for diagnostic in found)}
    allowed = [*of_comments(inputs.files, codes, problems), *of_keys(inputs, codes, problems)]
    by_place: dict[tuple[str, Place], list[Allowance]] = defaultdict(list)
    for allowance in allowed:
        for place in allowance.places:
            by_place[allowance.code, place].append(allowance)
    tables = Tables(inputs)
    effective: set[Allowance] = set()
    kept = []
    for diagnostic in found:
        covering = [
            allowance
            for place in tables.places(diagnostic.location)
            for allowance in by_place.get((diagnostic.code, place), ())
        ]
        if covering and diagnostic.severity < Severity.ERROR:
            effective.update(covering)
        else:
            kept.append(diagnostic)
    unused = [each.report_unused() for each in allowed if each not in effective]
    return [*kept, *problems, *unused]
