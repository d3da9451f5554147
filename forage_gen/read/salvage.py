"""Reads on after a syntax mistake, so that one does not hide the others of its file.

A statement that cannot be read is blanked, and the rest is read again. That is done only
where it is plain which lines the statement has; else the first mistake is all that is
told of the file. A mistake that is none, made up by the blanking, would be worse.
"""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from forage_gen.read.source import Table, UnreadableError

MISTAKES_MAX = 20
"""After so many, the file is probably something else than TOML."""

_RECOVERABLE = frozenset({"toml-syntax", "duplicate-key"})
# How a statement or a comment begins. A line inside a broken array does not look so.
_BEGINS = re.compile(r"""\s*(?:$|\#|\[|(?:[\w-]+|"[^"]*"|'[^']*')\s*[.=])""")
_PAIR = re.compile(r"""\s*(?:[\w-]+|"[^"]*"|'[^']*'|\s*\.\s*)+\s*=""")


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
    start = found.location.line - 1
    if found.code not in _RECOVERABLE or not _is_whole("\n".join(lines[:start])):
        return False
    end = start + 1
    if not _PAIR.match(lines[start]):
        # A header, or what was meant as one: the keys below it are its own.
        while end < len(lines) and not lines[end].lstrip().startswith("["):
            end += 1
    if end < len(lines) and not _BEGINS.match(lines[end]):
        return False
    lines[start:end] = [""] * (end - start)
    return True


def _is_whole(text: str) -> bool:
    try:
        tomllib.loads(text)
    except ValueError:
        return False
    return True
