"""JSON texts.

The rules are those of RFC 8259, and of RFC 7493 (I-JSON) for what readers agree
on: numbers that a double holds, strings that are Unicode.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from forage_gen.quote.token import Token, Unquotable

JsonValue: TypeAlias = (
    "bool | int | float | str | Sequence[JsonValue] | Mapping[str, JsonValue] | None"
)

_EXACT_MAX = 2**53 - 1


class JsonToken(Token):
    """A JSON text, or one value of one."""

    __slots__ = ()
    language = "JSON"


def document(content: JsonValue) -> JsonToken:
    r"""Write a file of JSON.

    Members keep the order in which they are given: the same content gives the
    same bytes.

    Args:
        content: The file's content.

    Returns:
        The text, indented by two spaces, in characters rather than ``\u``
        escapes, with a newline at its end.

    Raises:
        Unquotable: The content holds something that readers of JSON do not
            agree on: NaN or an infinity, an integer past 2**53, a lone
            surrogate, a name that is no string, or a value of another kind.

    Source: RFC 8259; RFC 7493, sections 2.1 and 2.2.
    """
    return JsonToken(json.dumps(_plain(content), indent=2, ensure_ascii=False) + "\n")


def value(content: JsonValue) -> JsonToken:
    """Write one value on one line, to stand inside a JSON text.

    Args:
        content: The value.

    Returns:
        The text.

    Raises:
        Unquotable: As for :func:`document`.

    Source: RFC 8259; RFC 7493, sections 2.1 and 2.2.
    """
    return JsonToken(json.dumps(_plain(content), ensure_ascii=False))


def _plain(content: JsonValue) -> JsonValue:
    """Rebuild a value from what ``json.dumps`` writes without loss."""
    match content:
        case None | bool():
            return content
        case str():
            return _text(content)
        case int():
            if abs(content) > _EXACT_MAX:
                JsonToken.refuse(content, "readers keep integers up to 2**53 only")
            return content
        case float():
            if not math.isfinite(content):
                JsonToken.refuse(content, "numbers are finite")
            return content
        case Mapping():
            return {_text(name): _plain(member) for name, member in content.items()}
        case Sequence() if not isinstance(content, bytes | bytearray):
            return [_plain(item) for item in content]
        case _:
            kind = type(content).__name__
            raise Unquotable(content, JsonToken.language, f"there is no such thing as a {kind}")


def _text(text: object) -> str:
    if not isinstance(text, str):
        JsonToken.refuse(text, "the name of a member is a string")
    try:
        text.encode()
    except UnicodeEncodeError:
        JsonToken.refuse(text, "it contains a lone surrogate, which UTF-8 cannot encode")
    return text
