"""Findings for people: the place, the line with a caret, and what to write instead."""

from __future__ import annotations

from collections import Counter
from itertools import accumulate
from typing import TYPE_CHECKING

from forage_gen.diagnostics import Severity
from forage_gen.report.visible import ordered, visible, visible_character, width

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from forage_gen.diagnostics import Diagnostic, Location

# Columns of a source line that are shown. A longer one is cut around the stretch.
WINDOW = 100
TAB = 4
_CUT = "…"


def text(diagnostics: Iterable[Diagnostic]) -> str:
    """Write findings for a terminal or a log; nothing if there is none."""
    found = ordered(diagnostics)
    if not found:
        return ""
    lines = [line for diagnostic in found for line in (*_finding(diagnostic), "")]
    return "\n".join([*lines, _counts(found), ""])


def _finding(diagnostic: Diagnostic) -> Iterator[str]:
    where = diagnostic.location
    place = f"{visible(where.file)}:{where.line}:{where.column}"
    yield f"{place}: {diagnostic.severity}[{diagnostic.code}]: {visible(diagnostic.message)}"
    if where.source_line:
        yield from _excerpt(where)
    if diagnostic.hint:
        yield f"hint: {visible(diagnostic.hint)}"


def _excerpt(where: Location) -> Iterator[str]:
    number = str(where.line)
    shown, before, under = _window(where)
    yield f" {number} | {shown}".rstrip()
    yield f" {' ' * len(number)} | {' ' * before}{'^' * under}"


def _window(where: Location) -> tuple[str, int, int]:
    """Cut a line around its stretch.

    Returns:
        What to show, the columns before the caret, and the number of carets.
    """
    line, start, stop, cut_left, cut_right = _near(where)
    cells = _cells(line)
    edges = [0, *accumulate(map(width, cells))]
    if edges[-1] > WINDOW:
        # The stretch in the middle; its beginning, if it is wider than the window.
        slack = max(WINDOW - (edges[stop] - edges[start]), WINDOW // 4)
        left = max(0, min(edges[start] - slack // 2, edges[-1] - WINDOW))
        first = next(n for n, edge in enumerate(edges) if edge >= left)
        last = max(n for n, edge in enumerate(edges) if edge <= left + WINDOW)
    else:
        first, last = 0, len(cells)
    head = _CUT if cut_left or first else ""
    tail = _CUT if cut_right or last < len(cells) else ""
    before = len(head) + edges[start] - edges[first]
    under = max(1, edges[min(stop, last)] - edges[start])
    return head + "".join(cells[first:last]) + tail, before, under


def _near(where: Location) -> tuple[str, int, int, bool, bool]:
    """Take the part of a line that can be in the window, so that a huge line costs no more.

    Returns:
        The part, the stretch in it from 0, and whether something was cut off at its ends.
    """
    line = where.source_line
    start = min(max(where.column - 1, 0), len(line))
    stop = min(max(where.end_column - 1, start), len(line))
    reach = 2 * WINDOW
    if len(line) <= 2 * reach:
        return line, start, stop, False, False
    left, right = max(0, start - reach), min(len(line), start + reach)
    return line[left:right], start - left, min(stop, right) - left, left > 0, right < len(line)


def _cells(line: str) -> list[str]:
    """Show each character of a line, tabs as spaces up to the next tab stop."""
    cells = []
    column = 0
    for character in line:
        cell = " " * (TAB - column % TAB) if character == "\t" else visible_character(character)
        column += width(cell)
        cells.append(cell)
    return cells


def _counts(found: list[Diagnostic]) -> str:
    numbers = Counter(diagnostic.severity for diagnostic in found)
    names = {Severity.ERROR: "errors", Severity.WARNING: "warnings", Severity.INFO: "infos"}
    return (
        ", ".join(
            f"{numbers[severity]:,} {name if numbers[severity] > 1 else name[:-1]}"
            for severity, name in names.items()
            if numbers[severity]
        )
        + "."
    )
