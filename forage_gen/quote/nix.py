r"""Nix expressions.

The rules are those of the Nix manual, "Data types" (strings, paths), and of its
lexer, ``src/libexpr/lexer.l``. Lists are laid out as nixfmt (RFC 166) does.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from forage_gen.quote.token import Token

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_WIDTH = 100
_INT_MAX = 2**63 - 1
_KEYWORDS = frozenset(
    {"assert", "else", "if", "in", "inherit", "let", "or", "rec", "then", "with"},
)
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_'-]*")
_RELATIVE_PATH = re.compile(r"\.\.?(?:/[A-Za-z0-9_+-][A-Za-z0-9._+-]*)+")
_STRING_ESCAPES = {
    '"': '\\"',
    "\\": "\\\\",
    "${": "\\${",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
}
_STRING_SPECIAL = re.compile(r'["\\\n\r\t]|\$\{')
_INDENTED_SPECIAL = re.compile(r"''|'(?=\$|\r|\Z)|\$\{|\r")
_INDENTED_ESCAPES = {
    # An apostrophe before another escape or before the end would join with the
    # two that start the escape or end the string: three are the escape of two.
    "'": "''\\'",
    "''": "'''",
    "${": "''${",
    "\r": "''\\r",
}
_BLANK_LINE = re.compile(r"^[ \t]+$", re.MULTILINE)


class NixToken(Token):
    """A Nix expression, or a part of one."""

    __slots__ = ()
    language = "Nix"


def string(text: str) -> NixToken:
    r"""Write a string in double quotes.

    Args:
        text: The string's value.

    Returns:
        The literal, on one line.

    Raises:
        Unquotable: The text has a NUL character or a lone surrogate.

    Source: Nix manual, "String literal"; ``unescapeStr`` in lexer.l. A raw
    carriage return would be read as a newline, hence ``\r``.
    """
    NixToken.utf8(text)
    return NixToken(f'"{_escaped(text)}"')


def indented_string(text: str, indent: int = 0) -> NixToken:
    r"""Write text of several lines as an indented string.

    Nix takes the smallest indentation of all lines away, does not count lines
    that are blank, and drops the first newline. Text that this would change
    (all lines start with a space) or that formatters and editors would (a line
    of blanks only) is written as :func:`string` does it, as is text of one line.

    Args:
        text: The string's value.
        indent: The indentation of the line on which the literal starts.

    Returns:
        The literal. Its lines are indented by two more than ``indent``.

    Raises:
        Unquotable: The text has a NUL character or a lone surrogate.

    Source: Nix manual, "String literal"; lexer.l; ``stripIndentation`` in
    parser.y.
    """
    lines = text.split("\n")
    filled = [line for line in lines if line]
    anchored = any(not line.startswith(" ") for line in filled)
    if len(lines) == 1 or not anchored or _BLANK_LINE.search(text):
        return string(text)
    NixToken.utf8(text)
    margin = " " * (indent + 2)
    escaped = _INDENTED_SPECIAL.sub(lambda match: _INDENTED_ESCAPES[match[0]], text)
    body = "\n".join(margin + line if line else "" for line in escaped.split("\n"))
    closing = " " * indent if text.endswith("\n") else ""
    return NixToken(f"''\n{body}{closing}''")


def attr_name(name: str) -> NixToken:
    """Write the name of an attribute.

    Args:
        name: The name.

    Returns:
        The bare name where it is an identifier and no keyword, else a string.

    Raises:
        Unquotable: The name has a NUL character or a lone surrogate.

    Source: Nix manual, "Identifiers" and "Attribute set"; ``ID`` in lexer.l.
    """
    if _IDENTIFIER.fullmatch(name) and name not in _KEYWORDS:
        return NixToken(name)
    return string(name)


def below(directory: NixToken, path: str) -> NixToken:
    """Write the path of something in a directory that a derivation makes.

    Args:
        directory: The derivation: a name or an attribute path.
        path: The relative path.

    Returns:
        ``"${DIRECTORY}/PATH"``.

    Raises:
        Unquotable: The path has a NUL character or a lone surrogate.

    Source: Nix manual, "String interpolation".
    """
    NixToken.utf8(path)
    return NixToken(f'"${{{directory}}}/{_escaped(path)}"')


def attr_path(names: Sequence[str]) -> NixToken:
    """Write an attribute path, such as ``python3Packages.requests``.

    Args:
        names: The names of the attributes, outermost first.

    Returns:
        The names joined with dots, each quoted where it must be.

    Raises:
        Unquotable: There is no name, or one that :func:`attr_name` refuses.

    Source: Nix manual, "Attribute selection".
    """
    if not names:
        NixToken.refuse(names, "an attribute path names at least one attribute")
    return NixToken.joined(".", map(attr_name, names))


def path_literal(path: str) -> NixToken:
    """Write a path relative to the file that it stands in.

    Args:
        path: The path. It starts with ``./`` or ``../``. Its components are of
            ASCII letters, digits, ``_``, ``+``, ``-`` and ``.``, and start with
            no dot.

    Returns:
        The literal.

    Raises:
        Unquotable: The path is not of that form. Nix's path literals have no
            escapes.

    Source: Nix manual, "Path literal"; ``PATH`` in lexer.l.
    """
    if not _RELATIVE_PATH.fullmatch(path):
        NixToken.refuse(path, "a path literal is ./ or ../ and plain ASCII file names")
    return NixToken(path)


def boolean(value: bool) -> NixToken:  # noqa: FBT001 - the value is what the function is about
    """Write a truth value.

    Args:
        value: The value.

    Returns:
        ``true`` or ``false``.

    Source: Nix manual, "Data types".
    """
    return NixToken("true" if value else "false")


def integer(value: int) -> NixToken:
    """Write an integer.

    Args:
        value: The integer.

    Returns:
        Its digits. A negative one is put in parentheses, so that it stands for
        itself as an element of a list too.

    Raises:
        Unquotable: It does not fit 64 bits. The smallest one is refused as
            well: Nix reads its digits first, and those do not fit.

    Source: Nix manual, "Data types"; ``INT`` in lexer.l.
    """
    if not -_INT_MAX <= value <= _INT_MAX:
        NixToken.refuse(value, "an integer has 64 bits")
    return NixToken(f"{value:d}" if value >= 0 else f"({value:d})")


def list_of(items: Iterable[NixToken], indent: int = 0, lead: int = 0) -> NixToken:
    """Write a list as nixfmt does.

    Args:
        items: The elements: literals, names or attribute paths. An operator or
            a function call would have to stand in parentheses.
        indent: The indentation of the line on which the list starts.
        lead: How many characters of that line come before the list, besides
            the indentation.

    Returns:
        ``[ ]``, or ``[ a ]`` where the one element fits the line, or one element
        a line. nixfmt never leaves two elements on one line.

    Raises:
        TypeError: An element is no :class:`NixToken`.

    Source: NixOS RFC 166; ``prettyTerm`` for lists in nixfmt's Pretty.hs.
    """
    elements = list(items)
    if not elements:
        return NixToken("[ ]")
    margin = " " * (indent + 2)
    single = f"[ {elements[0]} ]"
    fits = "\n" not in single and indent + lead + len(single) < _WIDTH
    if len(elements) == 1 and fits:
        return NixToken.joined("", [NixToken("[ "), elements[0], NixToken(" ]")])
    body = NixToken.joined(f"\n{margin}", elements)
    return NixToken(f"[\n{margin}{body}\n{' ' * indent}]")


def comment(text: str) -> NixToken:
    """Write a comment of one line.

    Args:
        text: What it says.

    Returns:
        ``# text``.

    Raises:
        Unquotable: The text is not one line of visible characters.

    Source: Nix manual, "Comments". A carriage return ends one, too (lexer.l).
    """
    return NixToken.comment_line(text)


def _escaped(text: str) -> str:
    return _STRING_SPECIAL.sub(lambda match: _STRING_ESCAPES[match[0]], text)
