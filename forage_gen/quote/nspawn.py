r"""systemd-nspawn's settings files (.nspawn).

They are divided into lines as unit files are, but there are no specifiers:
``%`` is plain. What holds for every line:

- A carriage return ends a line as a newline does; blanks at both ends go.
- A backslash at the end that is not escaped continues the line.
- With one of Unicode's noncharacters in a line, nspawn does not start.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from forage_gen.quote.token import Token

if TYPE_CHECKING:
    from collections.abc import Sequence

_LINE_MAX = 1024 * 1024
_PATH_MAX = 4096
_FILE_NAME_MAX = 255
_BLANKS = " \t\n\r"
_LAST_OF_PLANES = "".join(
    chr(plane * 0x10000 + last) for plane in range(17) for last in (0xFFFE, 0xFFFF)
)
_NONCHARACTER = re.compile(f"[\ufdd0-\ufdef{_LAST_OF_PLANES}]")
_LINE_BREAK = re.compile(r"[\n\r]")
_BACKSLASHES_AT_END = re.compile(r"\\*\Z")
_BARE_WORD = re.compile(r"[A-Za-z0-9_./:,@+=-]+")
_NAME = re.compile(r"[A-Za-z0-9_@~:.-]+")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_QUOTED_RUN = re.compile(r'[^"]+|"+')
_BIND_OPTIONS = frozenset({"idmap", "noidmap", "norbind", "owneridmap", "rbind", "rootidmap"})
_TMPFS_OPTION = re.compile(r"[a-z_]+(?:=[A-Za-z0-9_.%+-]+)?")


class NspawnToken(Token):
    """A value of a .nspawn file, or a comment."""

    __slots__ = ()
    language = "an .nspawn file"


def plain(text: str) -> NspawnToken:
    """Write the whole value of a setting that is one string.

    Args:
        text: The value.

    Returns:
        The text as it is: such a value has no quotes and no escapes.

    Raises:
        Unquotable: The text is empty (that resets the setting), has a line
            break, a blank at an end, or an odd number of backslashes at the
            end; or systemd takes it for no UTF-8.

    Source: systemd.syntax(7); ``config_parse`` in conf-parser.c.
    """
    _check(text)
    if not text:
        NspawnToken.refuse(text, "an empty value resets the setting")
    if _LINE_BREAK.search(text):
        NspawnToken.refuse(text, "a line break ends the setting")
    if text.strip(_BLANKS) != text:
        NspawnToken.refuse(text, "blanks at the ends of a line are dropped")
    match = _BACKSLASHES_AT_END.search(text)
    if match and len(match[0]) % 2:
        NspawnToken.refuse(text, "a backslash at the end continues the line")
    return NspawnToken(text)


def word(text: str) -> NspawnToken:
    """Write one element of Environment= or Parameters=.

    Args:
        text: The element's value. It may be empty.

    Returns:
        The text itself where it is plain, else in quotes. Backslashes stand for
        themselves in these lists, so a double quote goes into single quotes.

    Raises:
        Unquotable: The text has a line break: there is no escape for one. Or it
            has a NUL character, a lone surrogate or a noncharacter.

    Source: ``config_parse_strv`` (``EXTRACT_UNQUOTE|EXTRACT_RETAIN_ESCAPE``).
    """
    _check(text)
    if _LINE_BREAK.search(text):
        NspawnToken.refuse(text, "a line break ends the setting")
    if _BARE_WORD.fullmatch(text):
        return NspawnToken(text)
    if '"' not in text:
        return NspawnToken(f'"{text}"')
    if "'" not in text:
        return NspawnToken(f"'{text}'")
    return NspawnToken("".join(_quoted_run(run) for run in _QUOTED_RUN.findall(text)))


def name_word(name: str) -> NspawnToken:
    """Write one element of SystemCallFilter=, Capability= or DropCapability=.

    Args:
        name: A name: letters, digits and ``_ @ ~ : . -``.

    Returns:
        The name. These lists know no quotes.

    Raises:
        Unquotable: The name is not of that form.

    Source: ``config_parse_syscall_filter`` and ``config_parse_capability``,
    which call ``extract_first_word`` without flags.
    """
    if not _NAME.fullmatch(name):
        NspawnToken.refuse(name, "a name is letters, digits and _ @ ~ : . -")
    return NspawnToken(name)


def environment(name: str, value: str) -> NspawnToken:
    """Write one assignment of Environment=.

    Args:
        name: The variable's name.
        value: Its value.

    Returns:
        ``NAME=value``, in quotes where it must be.

    Raises:
        Unquotable: The name is none that systemd takes, or :func:`word` refuses
            the value.

    Source: systemd.nspawn(5), "Environment=".
    """
    if not _VARIABLE.fullmatch(name):
        NspawnToken.refuse(name, "a variable's name is a letter or _, then letters, digits and _")
    return word(f"{name}={value}")


def path(name: str) -> NspawnToken:
    """Write the whole value of a setting that is one path, such as Inaccessible=.

    Args:
        name: An absolute path without empty components, ``.`` and ``..``, and
            without a slash at the end.

    Returns:
        The path as it is: such a value has no quotes and no escapes.

    Raises:
        Unquotable: The path is not of that form, or :func:`plain` refuses it.

    Source: ``inaccessible_mount_parse``, ``config_parse_path``.
    """
    _check_path(name)
    return plain(name)


def bind(source: str, destination: str, options: Sequence[str] = ()) -> NspawnToken:
    """Write the value of Bind= or BindReadOnly=.

    Args:
        source: The path on the host, as for :func:`path`. Blanks and
            backslashes at its end are possible here.
        destination: The path inside.
        options: The options of the mount: ``rbind``, ``idmap`` and their like.

    Returns:
        ``source:destination:options``, with backslashes and colons escaped.
        Where the destination ends with a blank and there is no option, the
        default one, ``rbind``, keeps the blank from being dropped.

    Raises:
        Unquotable: A path is not of that form or has a line break, or there is
            no such option.

    Source: systemd.nspawn(5), "Bind="; ``bind_mount_parse``.
    """
    for option in options:
        if option not in _BIND_OPTIONS:
            NspawnToken.refuse(option, "it is no option of a bind mount")
    return _fields([source, destination], options, default="rbind")


def tmpfs(destination: str, options: Sequence[str] = ()) -> NspawnToken:
    """Write the value of TemporaryFileSystem=.

    Args:
        destination: The path inside, as for :func:`bind`.
        options: Options of tmpfs, such as ``size=10M``.

    Returns:
        ``destination:options``, with backslashes and colons escaped.

    Raises:
        Unquotable: The path is not of that form or has a line break, or an
            option is no name with a value of letters, digits and ``_ . % + -``.

    Source: systemd.nspawn(5), "TemporaryFileSystem="; ``tmpfs_mount_parse``.
    """
    for option in options:
        if not _TMPFS_OPTION.fullmatch(option):
            NspawnToken.refuse(option, "it is no option of tmpfs with a plain value")
    return _fields([destination], options, default="mode=0755")


def boolean(value: bool) -> NspawnToken:  # noqa: FBT001 - the value is what the function is about
    """Write a truth value.

    Args:
        value: The value.

    Returns:
        ``yes`` or ``no``.

    Source: systemd.syntax(7).
    """
    return NspawnToken("yes" if value else "no")


def integer(value: int) -> NspawnToken:
    """Write an integer.

    Args:
        value: The integer.

    Returns:
        Its decimal digits.

    Source: systemd.nspawn(5).
    """
    return NspawnToken(f"{value:d}")


def comment(text: str) -> NspawnToken:
    """Write a comment of one line.

    Args:
        text: What it says.

    Returns:
        ``# text``. A backslash at its end does not continue it.

    Raises:
        Unquotable: The text is not one line of visible characters.

    Source: systemd.syntax(7).
    """
    return NspawnToken.comment_line(text)


def _fields(paths: Sequence[str], options: Sequence[str], *, default: str) -> NspawnToken:
    for name in paths:
        _check_path(name)
        if _LINE_BREAK.search(name):
            NspawnToken.refuse(name, "a line break ends the setting")
    escaped = [name.replace("\\", "\\\\").replace(":", "\\:") for name in paths]
    if options:
        escaped.append(",".join(options))
    elif paths[-1].endswith((" ", "\t")):
        escaped.append(default)
    return NspawnToken(":".join(escaped))


def _quoted_run(run: str) -> str:
    return f"'{run}'" if run.startswith('"') else f'"{run}"'


def _check(text: str) -> None:
    encoded = NspawnToken.utf8(text)
    if _NONCHARACTER.search(text):
        NspawnToken.refuse(text, "systemd loads no file with a Unicode noncharacter")
    # Twice for escapes and quotes, and room for the setting's name.
    if len(encoded) * 3 + 1024 > _LINE_MAX:
        NspawnToken.refuse(text, "a line has at most 1 MiB")


def _check_path(name: str) -> None:
    _check(name)
    if not name.startswith("/"):
        NspawnToken.refuse(name, "the path is not absolute")
    components = name.split("/")[1:]
    if name != "/" and not all(components):
        NspawnToken.refuse(name, "systemd drops slashes that are doubled or at the end")
    if not {".", ".."}.isdisjoint(components):
        NspawnToken.refuse(name, "the path is not normalised")
    if len(name.encode()) >= _PATH_MAX:
        NspawnToken.refuse(name, f"a path has fewer than {_PATH_MAX} bytes")
    if any(len(component.encode()) > _FILE_NAME_MAX for component in components):
        NspawnToken.refuse(name, f"a file name has at most {_FILE_NAME_MAX} bytes")
