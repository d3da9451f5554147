"""Reads on after a syntax mistake, so that one does not hide the others of its file.

A statement of TOML that cannot be read is blanked, and the rest is read again; in JSON
(salvage_json.py), less is needed. That is done only where it is plain what to blank; else
the first mistake is all that is told of the file. A mistake that is none, made up by the
blanking, would be worse.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from forage_gen.diagnostics import Diagnostic
    from forage_gen.read.source import Table, UnreadableError

MISTAKES_MAX = 20
"""After so many, the file is probably something else."""

_RECOVERABLE = frozenset({"toml-syntax", "duplicate-key"})
_HEADERS_MAX = 3
_ROWS_MAX = 200
"""How far back a statement is looked for that goes wrong here: it can swallow the next ones."""

_KEY = r"""(?:[\w-]+|"[^"]*"|'[^']*')"""
_KEYS = rf"{_KEY}(?:\s*\.\s*{_KEY})*"
# What was meant as a key with its value, whatever is between them.
_PAIR = re.compile(rf"""\s*{_KEYS}(?:\s*[=:]|\s+["'\[{{\w])""")
_HEADER = re.compile(r"\s*\[+\s*[\w-]")
# How a statement begins. No line inside an array that Forage reads looks like it.
_BEGINS = re.compile(rf"\s*{_KEYS}\s*=|{_HEADER.pattern}")
# A header that has lost the line break before it.
_HEADER_AFTER = re.compile(r"\[[\w.-]+\]")
_LONG_STRING = re.compile("\"{3}|'{3}")


Repair = Callable[[str, "Diagnostic"], str | None]
"""Takes a mistake out of a text. What is left stays at its place. None: it cannot be told how."""


def read_on(
    text: str, first: UnreadableError, parse: Callable[[str], Table], repair: Repair
) -> tuple[Table | None, list[UnreadableError]]:
    """Find what else is wrong, and what there is besides.

    Args:
        text: The file.
        first: Its first mistake.
        parse: Reads a text, or raises its first mistake.
        repair: Takes a mistake out.

    Returns:
        The table without what cannot be read, or None if it cannot be told; and the
        mistakes, among them the first.
    """
    mistakes: list[UnreadableError] = []
    mistake, left = first, repair(text, first.diagnostic)
    while left is not None and len(mistakes) < MISTAKES_MAX:
        mistakes.append(mistake)
        try:
            return parse(left), mistakes
        except type(first) as another:
            mistake, left = another, repair(left, another.diagnostic)
    # The last one may come of how another was taken out, as it is not plain itself.
    return None, mistakes or [first]


def without_statement(text: str, found: Diagnostic) -> str | None:
    """Blank the statement of TOML in which a mistake is, if its lines are known."""
    if found.code not in _RECOVERABLE:
        return None
    lines = text.split("\n")
    row, column = found.location.line - 1, found.location.column - 1
    start = _beginning(lines, row)
    if start is None:
        return None
    is_pair = _PAIR.match(lines[start]) and not _HEADER_AFTER.search(lines[row], column)
    # Where a key is there twice, what is missing may be the header above it.
    if is_pair and found.code != "duplicate-key":
        end = _next(lines, start)
    else:
        end = _end_of_table(lines, start, found.code)
        start = _own_beginning(lines, start)
    statement = "\n".join(lines[start:end])
    if _LONG_STRING.search(statement):
        return None  # its lines can look like anything
    if _is_open(statement) and not _is_whole("\n".join(lines[end : _next(lines, end)])):
        return None  # it goes on there
    return "\n".join([*lines[:start], *[""] * (end - start), *lines[end:]])


def _beginning(lines: list[str], row: int) -> int | None:
    """Find the row in which the statement at `row` begins: all above can be read."""
    headers = (n for n in range(row, -1, -1) if _HEADER.match(lines[n]))
    tops = [*islice(headers, _HEADERS_MAX), 0]
    top = next(n for n in tops if _is_whole("\n".join(lines[:n])))
    rows = range(row, max(top, row - _ROWS_MAX) - 1, -1)
    return next((n for n in rows if _is_whole("\n".join(lines[top:n]))), None)


def _own_beginning(lines: list[str], start: int) -> int:
    """Find where what looks like no statement belongs to: it may be left of the one before."""
    if _PAIR.match(lines[start]) or _HEADER.match(lines[start]):
        return start
    return next((n for n in range(start, -1, -1) if _BEGINS.match(lines[n])), start)


def _end_of_table(lines: list[str], start: int, code: str) -> int:
    """Find the row after all that is in the table with the header at `start`."""
    end = _next_header(lines, start)
    if code == "duplicate-key":
        # The tables inside one that is there twice are there twice for the same reason.
        below = f"{_name(lines[start])}."
        while end < len(lines) and _name(lines[end]).startswith(below):
            end = _next_header(lines, end)
    return end


def _next(lines: list[str], row: int) -> int:
    later = range(row + 1, len(lines))
    return next((n for n in later if _BEGINS.match(lines[n])), len(lines))


def _next_header(lines: list[str], row: int) -> int:
    row = _next(lines, row)
    while row < len(lines) and not lines[row].lstrip().startswith("["):
        row = _next(lines, row)
    return row


def _name(header: str) -> str:
    return header.strip().lstrip("[").partition("]")[0]


def _is_open(statement: str) -> bool:
    """Return whether a string or bracket may have no end. Rather too often than not."""
    return any(statement.count(quote) % 2 for quote in "\"'") or any(
        statement.count(opening) != statement.count(closing) for opening, closing in ("[]", "{}")
    )


def _is_whole(text: str) -> bool:
    try:
        tomllib.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
