"""Configuration of OpenSSH's client, and its files of host keys.

The rules are those of ssh_config(5) and sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT". Both have
words with blanks between them. Nothing that is put there needs quotes, so none are written:
what would need them is refused.
"""

from __future__ import annotations

import re

from forage_gen.quote.token import Token

# No blank, quote, backslash, `#`, `%`, `$`, nor what patterns are made of: `*`, `?`, `!`, `,`.
_WORD = re.compile(r"[A-Za-z0-9_./:@+=\[\]-]+")


class SshConfigToken(Token):
    """A word of ssh_config or known_hosts, or a comment."""

    __slots__ = ()
    language = "OpenSSH's configuration"


def word(text: str) -> SshConfigToken:
    """Write one word: a host, a path, a key.

    Args:
        text: The word.

    Returns:
        The same.

    Raises:
        Unquotable: It is empty or has a character that OpenSSH gives a meaning.

    Source: ``argv_split`` and ``match_pattern`` in OpenSSH's misc.c and match.c.
    """
    if not _WORD.fullmatch(text):
        SshConfigToken.refuse(text, "a word is letters, digits and _ . / : @ + = [ ] -")
    return SshConfigToken(text)


def integer(value: int) -> SshConfigToken:
    """Write a number.

    Args:
        value: The number.

    Returns:
        Its decimal digits.

    Source: ssh_config(5), "Port".
    """
    return SshConfigToken(f"{value:d}")


def comment(text: str) -> SshConfigToken:
    """Write a comment of one line.

    Args:
        text: What it says.

    Returns:
        ``# text``.

    Raises:
        Unquotable: The text is not one line of visible characters.

    Source: ssh_config(5).
    """
    return SshConfigToken.comment_line(text)
