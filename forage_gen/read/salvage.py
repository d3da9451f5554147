"""Reads on after a syntax mistake, so that one does not hide the others of its file.

A statement that cannot be read is blanked, and the rest is read again. That is done only
where it is plain which lines the statement has; else the first mistake is all that is
told of the file. A mistake that is none, made up by the blanking, would be worse.
"""

from __future__ import annotations

import re
import tomllib
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from forage_gen.read.source import Table, UnreadableError

MISTAKES_MAX = 20
"""After so many, the file is probably something else than TOML."""

_RECOVERABLE = frozenset({"toml-syntax", "duplicate-key"})
_HEADERS_MAX = 3
_ROWS_MAX = 200
"""How far back a statement is looked for that goes wrong here: it can swallow the next ones."""

_KEY = r"""(?:[\w-]+|"[^"]*"|'[^']*')"""
_KEYS = rf"{_KEY}(?:\s*\.\s*{_KEY})*"
# What was meant as a key with its value, whatever is between them.
_PAIR = re.compile(rf"""\s*{_KEYS}(?:\s*[=:]|\s+["'\[{{\w])""")
# How a statement begins. No line inside an array that Forage reads looks like it.
_HEADER = re.compile(r"\[+\s*[\w-]")
_BEGINS = re.compile(rf"\s*(?:{_KEYS}\s*=|\[+\s*[\w-])")
# A header that has lost the line break before it.
_HEADER_AFTER = re.compile(r"\[[\w.-]+\]")
_LONG_STRING = re.compile("\"{3}|'{3}")


def read_on(
    text: str, first: UnreadableError, parse: Callable[[str], Table]
) -> tuple[Table | None, list[UnreadableError]]:
    """Find what else is wrong, and what there is besides.

    Args:
        text: The file.
        first: Its first mistake.
        parse: Reads a text, or raises its first mistake.

    Returns:
        The table without the statements that cannot be read, or None if it cannot be
        told; and the mistakes, among them the first.
    """
    mistakes = [first]
    lines = text.split("\n")
    while len(mistakes) <= MISTAKES_MAX and _blank(lines, mistakes[-1]):
        try:
            return parse("\n".join(lines)), mistakes
        except type(first) as another:
            mistakes.append(another)
    return None, mistakes[:MISTAKES_MAX]


def _blank(lines: list[str], mistake: UnreadableError) -> bool:
    """Blank the statement of a mistake; return whether its lines are known."""
    found = mistake.diagnostic
    if found.code not in _RECOVERABLE:
        return False
    row, column = found.location.line - 1, found.location.column - 1
    start = _beginning(lines, row)
    if start is None:
        return False
    is_pair = _PAIR.match(lines[start]) and not _HEADER_AFTER.search(lines[row], column)
    # Where a key is there twice, what is missing may be the header above it.
    is_alone = is_pair and found.code != "duplicate-key"
    end = _next(lines, start) if is_alone else _end_of_table(lines, start, found.code)
    statement = "\n".join(lines[start:end])
    if _LONG_STRING.search(statement):
        return False  # its lines can look like anything
    if _is_open(statement) and not _is_whole("\n".join(lines[end : _next(lines, end)])):
        return False  # it goes on there
    lines[start:end] = [""] * (end - start)
    return True


def _beginning(lines: list[str], row: int) -> int | None:
    """Find the row in which the statement at `row` begins: all above can be read."""
    headers = (n for n in range(row, -1, -1) if _HEADER.match(lines[n]))
    tops = [*islice(headers, _HEADERS_MAX), 0]
    top = next(n for n in tops if _is_whole("\n".join(lines[:n])))
    rows = range(row, max(top, row - _ROWS_MAX) - 1, -1)
    return next((n for n in rows if _is_whole("\n".join(lines[top:n]))), None)


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
