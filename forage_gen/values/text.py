"""What the grammars share: how a value is shown, and which characters none of them takes."""

import re
from collections.abc import Iterable

from forage_gen.values.problem import ValueProblem

# Control characters (Unicode Cc), which unit files, terminals and logs read as
# something else; the two Unicode line separators, which many readers count as
# newlines; lone surrogates, which UTF-8 cannot hold; and the bidirectional
# controls, which make a reviewer read another text than the machine does
# (Unicode Technical Standard 55). Spelled out, as the tables of `unicodedata`
# change from one Python version to the next.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]",
)
_NAMED = {
    "\0": "a NUL byte",
    "\t": "a tab",
    "\n": "a newline",
    "\r": "a carriage return",
    "\x1b": "an escape character",
}
_SHOWN_MAX = 80


def shown(text: str) -> str:
    """Quote a value for a message: in backticks, on one line, not too long."""
    if text == "":
        return '`""`'
    cut = text if len(text) <= _SHOWN_MAX else text[: _SHOWN_MAX - 1] + "…"
    return f"`{_UNSAFE.sub(_escaped, cut)}`"


def _escaped(match: re.Match[str]) -> str:
    char = match[0]
    return f"\\x{ord(char):02x}" if ord(char) <= 0xFF else f"\\u{ord(char):04x}"  # noqa: PLR2004


def unsafe_character(text: str, *, allow: str = "") -> str | None:
    """Name the first character that no target can hold safely, or return None."""
    for match in _UNSAFE.finditer(text):
        char = match[0]
        if char in allow:
            continue
        if char in _NAMED:
            return _NAMED[char]
        kind = "the control character" if ord(char) <= 0x9F else "the invisible character"  # noqa: PLR2004
        return f"{kind} U+{ord(char):04X}"
    return None


def refuse_unsafe(text: str, code: str, what: str, *, allow: str = "") -> None:
    """Refuse control characters and their like.

    Args:
        text: What was written.
        code: The code of the problem.
        what: What the value is, with its article: "a path".
        allow: Control characters that this grammar takes.

    Raises:
        ValueProblem: The text holds one.
    """
    found = unsafe_character(text, allow=allow)
    if found is not None:
        raise ValueProblem(
            code,
            f"{shown(text)} contains {found}.",
            f"Write {what} without control characters or invisible characters.",
        )


def closest(word: str, known: Iterable[str]) -> str | None:
    """Find the known word that was most probably meant."""
    # Only a mistake needs it, and a build without mistakes should not pay for it.
    from difflib import get_close_matches  # noqa: PLC0415

    matches = get_close_matches(word, list(known), n=1)
    return matches[0] if matches else None
