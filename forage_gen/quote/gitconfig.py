"""git's configuration files.

The rules are those of git-config(1), "Syntax".
"""

from __future__ import annotations

from forage_gen.quote.token import Token

_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\b": "\\b"})


class GitConfigToken(Token):
    """A value of a git configuration file, or a comment."""

    __slots__ = ()
    language = "git's configuration"


def string(text: str) -> GitConfigToken:
    """Write the value of a variable.

    Args:
        text: The value.

    Returns:
        The value in double quotes: outside of them, blanks at the ends are
        stripped and ``#`` and ``;`` start a comment.

    Raises:
        Unquotable: The text has a NUL character or a lone surrogate.

    Source: git-config(1), "Syntax".
    """
    GitConfigToken.utf8(text)
    return GitConfigToken(f'"{text.translate(_ESCAPES)}"')


def boolean(value: bool) -> GitConfigToken:  # noqa: FBT001 - the value is what it is about
    """Write a truth value.

    Args:
        value: The value.

    Returns:
        ``true`` or ``false``.

    Source: git-config(1), "Values".
    """
    return GitConfigToken("true" if value else "false")


def comment(text: str) -> GitConfigToken:
    """Write a comment of one line.

    Args:
        text: What it says.

    Returns:
        ``# text``.

    Raises:
        Unquotable: The text is not one line of visible characters.

    Source: git-config(1), "Syntax".
    """
    return GitConfigToken.comment_line(text)
