r"""TOML documents.

Strings are basic strings, on one line. They alone can hold every character:
what is not allowed in them as it is has an escape.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from forage_gen.quote.token import Token

if TYPE_CHECKING:
    from collections.abc import Iterable

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_MUST_ESCAPE = re.compile(r'[\x00-\x1f\x7f"\\]')
_SHORT = {
    "\b": "\\b",
    "\t": "\\t",
    "\n": "\\n",
    "\f": "\\f",
    "\r": "\\r",
    '"': '\\"',
    "\\": "\\\\",
}
# TOML 1.0, "Integer": readers must take 64 bits with a sign, and need not take more.
_INTEGER_MAX = 2**63 - 1


class TomlToken(Token):
    """A value, a key or a comment of a TOML document."""

    __slots__ = ()
    language = "TOML"


def string(text: str) -> TomlToken:
    """Write a string.

    Args:
        text: The value.

    Returns:
        A basic string.

    Raises:
        Unquotable: The text has a NUL character or a lone surrogate.

    Source: TOML 1.0.0, "String".
    """
    TomlToken.utf8(text)
    return TomlToken(f'"{_MUST_ESCAPE.sub(_escaped, text)}"')


def boolean(value: bool) -> TomlToken:  # noqa: FBT001 - the value is what it is about
    """Write a truth value.

    Args:
        value: The value.

    Returns:
        ``true`` or ``false``.

    Source: TOML 1.0.0, "Boolean".
    """
    return TomlToken("true" if value else "false")


def integer(value: int) -> TomlToken:
    """Write an integer.

    Args:
        value: The integer.

    Returns:
        Its decimal digits.

    Raises:
        Unquotable: It takes more than 64 bits.

    Source: TOML 1.0.0, "Integer".
    """
    if not -_INTEGER_MAX - 1 <= value <= _INTEGER_MAX:
        TomlToken.refuse(value, "an integer has at most 64 bits")
    return TomlToken(f"{value:d}")


def array(items: Iterable[TomlToken]) -> TomlToken:
    """Write a list on one line.

    Args:
        items: Its items, which are quoted already.

    Returns:
        The items in brackets.

    Raises:
        TypeError: An item is no token of TOML.

    Source: TOML 1.0.0, "Array".
    """
    return TomlToken(f"[{TomlToken.joined(', ', items)}]")


def key(name: str) -> TomlToken:
    """Write one key.

    Args:
        name: The name, which may be any text.

    Returns:
        The name itself where that is allowed, else a basic string.

    Raises:
        Unquotable: :func:`string` refuses the name.

    Source: TOML 1.0.0, "Keys".
    """
    return TomlToken(name) if _BARE_KEY.fullmatch(name) else string(name)


def header(path: Iterable[str]) -> TomlToken:
    """Write the header of a table.

    Args:
        path: The keys that lead to it.

    Returns:
        The keys with dots between them, in brackets.

    Raises:
        Unquotable: :func:`string` refuses one of the keys.

    Source: TOML 1.0.0, "Table".
    """
    return TomlToken(f"[{TomlToken.joined('.', map(key, path))}]")


def comment(text: str) -> TomlToken:
    """Write a comment of one line.

    Args:
        text: What it says.

    Returns:
        ``# text``.

    Raises:
        Unquotable: The text is not one line of visible characters.

    Source: TOML 1.0.0, "Comment".
    """
    return TomlToken.comment_line(text)


def _escaped(match: re.Match[str]) -> str:
    character = match[0]
    return _SHORT.get(character) or f"\\u{ord(character):04x}"
