"""Bash scripts.

The rules are those of the bash manual, sections 3.1.2 "Quoting" and 3.1.3
"Comments". A token is one word wherever it stands; what a command makes of a
word that starts with a hyphen is the template's business (``--``).
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from forage_gen.quote.token import Token

if TYPE_CHECKING:
    from collections.abc import Iterable


class ShellToken(Token):
    """One or more words of a bash script, or a comment."""

    __slots__ = ()
    language = "bash"


def word(text: str) -> ShellToken:
    """Write one word.

    The word is meant for an argument or the right side of an assignment: a
    plain one in the place of a command could be a keyword.

    Args:
        text: The word's value.

    Returns:
        The text itself where it is plain, else in single quotes.

    Raises:
        Unquotable: The text has a NUL character, which no argument of a program
            can hold (execve(2)), or a lone surrogate.

    Source: bash manual, section 3.1.2.2 "Single Quotes"; ``shlex.quote``.
    """
    ShellToken.utf8(text)
    return ShellToken(shlex.quote(text))


def words(texts: Iterable[str]) -> ShellToken:
    """Write several words, with blanks between them.

    Args:
        texts: The words' values.

    Returns:
        The words. No text gives no word.

    Raises:
        Unquotable: :func:`word` refuses one of them.

    Source: bash manual, section 3.1.2.2 "Single Quotes".
    """
    return ShellToken.joined(" ", map(word, texts))


def integer(value: int) -> ShellToken:
    """Write an integer as a word.

    Args:
        value: The integer.

    Returns:
        Its decimal digits.

    Source: bash manual, section 6.5 "Shell Arithmetic".
    """
    return ShellToken(f"{value:d}")


def comment(text: str) -> ShellToken:
    """Write a comment of one line.

    Args:
        text: What it says.

    Returns:
        ``# text``.

    Raises:
        Unquotable: The text is not one line of visible characters.

    Source: bash manual, section 3.1.3 "Comments".
    """
    return ShellToken.comment_line(text)
