"""What can be taken out of a JSON text that is broken, so that the rest can be read.

A comma too many, a comma too few, and a key that is there twice: what happens where
people write JSON by hand. All else may have changed what the rest means.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from forage_gen.diagnostics import Diagnostic

_SPACE = re.compile(r"[ \t\r\n]*")
_COMMA_BEFORE = re.compile(r",[ \t\r\n]*$")
_COMMA_TOO_MANY = re.compile(r",[ \t\r\n]*([}\]])")
_ITEM_BEFORE = re.compile(r"[\"}\]el][ \t\r\n]*$")
# A bracket, or a string, which may contain one.
_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]')
_CLOSING = {"{": "}", "[": "]"}


def without_mistake(text: str, found: Diagnostic) -> str | None:
    """Take a mistake out of a JSON text, if it is plain what was meant."""
    if _open_brackets(text, len(text)) != []:
        return None  # it is not known where anything ends
    at = _offset(text, found)
    if found.code == "duplicate-key":
        return _without_pair(text, at)
    return (
        _without_comma(text, at) or _with_comma(text, at) if found.code == "json-syntax" else None
    )


def _offset(text: str, found: Diagnostic) -> int:
    above = text.split("\n")[: found.location.line - 1]
    return sum(len(line) + 1 for line in above) + found.location.column - 1


def _without_comma(text: str, at: int) -> str | None:
    # Python before 3.13 points behind the comma, later ones at it.
    before = _COMMA_BEFORE.search(text, 0, at)
    comma = before.start() if before else at
    found = _COMMA_TOO_MANY.match(text, comma)
    if found is None or found[1] != _CLOSING.get(_opening(text, comma)):
        return None
    return _blank(text, comma, comma + 1)


def _with_comma(text: str, at: int) -> str | None:
    end = _end_of_value(text, at)
    if end is None or not _ITEM_BEFORE.search(text, 0, at):
        return None
    after = text[_space_end(text, end) :][:1]
    opening = _opening(text, at)
    is_item = text[at] == '"' and after in ({":"} if opening == "{" else {",", "]"})
    # In the place of white space, so that all else stays where it is.
    has_room = text[at - 1] in " \t"
    return f"{text[: at - 1]},{text[at:]}" if opening and is_item and has_room else None


def _opening(text: str, at: int) -> str:
    """Find the bracket that is open at a place: that of an object or a list."""
    opened = _open_brackets(text, at)
    return opened[-1] if opened else ""


def _open_brackets(text: str, stop: int) -> list[str] | None:
    """List the brackets that are open at a place; None if one is closed by another kind."""
    opened: list[str] = []
    for bracket in _BRACKET.finditer(text, 0, stop):
        if bracket[0] in _CLOSING:
            opened.append(bracket[0])
        elif bracket[0] in "}]" and (not opened or _CLOSING[opened.pop()] != bracket[0]):
            return None
    return opened


def _without_pair(text: str, key: int) -> str | None:
    colon = _end_of_value(text, key)
    if colon is None:
        return None
    colon = _space_end(text, colon)
    end = _end_of_value(text, _space_end(text, colon + 1))
    if end is None or text[colon : colon + 1] != ":":
        return None
    after = _space_end(text, end)
    if text[after : after + 1] == ",":
        return _blank(text, key, after + 1)
    before = _COMMA_BEFORE.search(text, 0, key)
    return _blank(text, before.start(), end) if before else None


def _end_of_value(text: str, at: int) -> int | None:
    try:
        return json.JSONDecoder().raw_decode(text, at)[1]
    except (ValueError, RecursionError):
        return None


def _space_end(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _blank(text: str, start: int, stop: int) -> str:
    return text[:start] + re.sub(r"[^\n]", " ", text[start:stop]) + text[stop:]
