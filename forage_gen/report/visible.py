"""Text of unknown origin, made safe for a terminal and a log.

A project's files may come from anybody. An escape sequence in them must not
reach the terminal of whoever builds, and a character that is not seen must not
hide what a line says.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from forage_gen.diagnostics import Diagnostic


def visible(text: str) -> str:
    """Replace every character that does not print, newlines too, by its code point."""
    return text if text.isprintable() else "".join(map(visible_character, text))


def visible_character(character: str) -> str:
    """Show one character: itself, or `<U+001B>` where it would not print."""
    return character if character.isprintable() else f"<U+{ord(character):04X}>"


def width(text: str) -> int:
    """Count the columns of a terminal that printable text takes."""
    return len(text) if text.isascii() else sum(map(_width, text))


def _width(character: str) -> int:
    if unicodedata.category(character) in {"Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1


def ordered(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Sort findings as a person reads the files, each once."""
    return sorted(dict.fromkeys(diagnostics), key=lambda found: found.sort_key)
