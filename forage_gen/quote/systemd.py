r"""systemd's unit files and environment files.

How a value is read depends on the setting: systemd has a parser for each kind.
The functions here are named for the kinds; systemd.unit(5), systemd.exec(5) and
``load-fragment.c`` say which a setting is of. What holds for every line:

- A carriage return ends a line as a newline does; blanks at both ends go.
- A backslash at the end that is not escaped continues the line.
- ``%`` starts a specifier; ``%%`` is a percent sign (systemd.unit(5),
  "Specifiers").
- A unit with a line that is no UTF-8 in systemd's eyes is not loaded. Unicode's
  noncharacters (U+FDD0 to U+FDEF and the last two code points of each plane)
  are not in its eyes, so they are refused here.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

from forage_gen.quote.token import Token

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_LINE_MAX = 1024 * 1024
_PATH_MAX = 4096
_FILE_NAME_MAX = 255
_UNIT_NAME_MAX = 255
_BLANKS = " \t\n\r"
_LAST_OF_PLANES = "".join(
    chr(plane * 0x10000 + last) for plane in range(17) for last in (0xFFFE, 0xFFFF)
)
_NONCHARACTER = re.compile(f"[\ufdd0-\ufdef{_LAST_OF_PLANES}]")
_LINE_BREAK = re.compile(r"[\n\r]")
_BACKSLASHES_AT_END = re.compile(r"\\*\Z")
_BARE_WORD = re.compile(r"[A-Za-z0-9_./:,@+=-]+")
_CONTROL = re.compile(r"[\x01-\x1f\x7f]")
_NOT_IN_BIND_PATHS = re.compile(r"""[\x01-\x1f\x7f"']""")
_NAMED_CONTROL = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_PROGRAM = re.compile(r"""[^\x00-\x1f\x7f"'\\$]+""")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_CREDENTIAL = re.compile(r"[A-Za-z0-9_.-]+")
_UNIT_NAME = re.compile(
    r"[A-Za-z0-9:_.\\-]+(?:@[A-Za-z0-9:_.\\@-]*)?"
    r"\.(?:service|socket|device|mount|automount|swap|target|path|timer|slice|scope)",
)
# What a unit's name cannot hold as it is, and a dot at its start.
_UNIT_NAME_ESCAPED = re.compile(r"\A\.|[^A-Za-z0-9:_./]")
_PERCENTAGE = re.compile(r"[0-9]+(?:\.[0-9]{1,2})?%")


class SystemdToken(Token):
    """A value of a unit file or an environment file, or a comment."""

    __slots__ = ()
    language = "a systemd unit"


@functools.lru_cache(maxsize=1024)
def plain(text: str) -> SystemdToken:
    """Write the whole value of a setting that is one string, as Description= is.

    Such a value has no quotes and no escapes.

    Args:
        text: The value.

    Returns:
        The text with its percent signs doubled.

    Raises:
        Unquotable: The text is empty (that resets the setting), has a line
            break, a blank at an end, or an odd number of backslashes at the
            end; or systemd takes it for no UTF-8.

    Source: systemd.syntax(7); ``config_parse`` in conf-parser.c;
    ``config_parse_unit_string_printf``.
    """
    _check(text)
    if not text:
        SystemdToken.refuse(text, "an empty value resets the setting")
    if _LINE_BREAK.search(text):
        SystemdToken.refuse(text, "a line break ends the setting")
    if text.strip(_BLANKS) != text:
        SystemdToken.refuse(text, "blanks at the ends of a line are dropped")
    if _odd_backslashes_at_end(text):
        SystemdToken.refuse(text, "a backslash at the end continues the line")
    return SystemdToken(_percent(text))


def word(text: str) -> SystemdToken:
    """Write one element of a list in which quotes and C escapes count.

    Environment= is such a list, and the arguments of ExecStart= are, but for
    the dollar sign (:func:`exec_word`).

    Args:
        text: The element's value. It may hold line breaks and be empty.

    Returns:
        The text itself where it is plain, else in double quotes.

    Raises:
        Unquotable: The text has a NUL character, a lone surrogate or a
            noncharacter, or is too long for a line.

    Source: systemd.syntax(7), "Quoting"; ``extract_first_word`` with
    ``EXTRACT_CUNESCAPE``.
    """
    _check(text)
    if _BARE_WORD.fullmatch(text):
        return SystemdToken(text)
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    escaped = _CONTROL.sub(_escaped_control, escaped)
    return SystemdToken(f'"{_percent(escaped)}"')


def exec_word(text: str) -> SystemdToken:
    """Write one argument of ExecStart= and its like.

    Args:
        text: The argument.

    Returns:
        The argument as :func:`word` writes it, with its dollar signs doubled.

    Raises:
        Unquotable: :func:`word` refuses the text.

    Source: systemd.service(5), "Command lines".
    """
    return SystemdToken(word(text).replace("$", "$$"))


def program(path_name: str) -> SystemdToken:
    """Write the program of ExecStart= and its like: the first word.

    Args:
        path_name: The program's absolute path.

    Returns:
        The path, in double quotes where it must be.

    Raises:
        Unquotable: The path is not absolute and normalised, or has a control
            character, a quote or a backslash, which systemd refuses in the
            name of a program, or a dollar sign, which it replaces in
            ``argv[0]`` but not in the path.

    Source: ``config_parse_exec`` in load-fragment.c, ``string_is_safe``.
    """
    _check_path(path_name)
    if not _PROGRAM.fullmatch(path_name):
        SystemdToken.refuse(
            path_name,
            "the path of a program has no control character, quote, backslash or dollar sign",
        )
    return word(path_name)


def environment(name: str, value: str) -> SystemdToken:
    """Write one assignment of Environment=.

    Args:
        name: The variable's name.
        value: Its value.

    Returns:
        ``NAME=value``, in double quotes where it must be.

    Raises:
        Unquotable: The name is none that systemd takes, or :func:`word` refuses
            the value.

    Source: systemd.exec(5), "Environment="; ``env_assignment_is_valid``.
    """
    if not _VARIABLE.fullmatch(name):
        SystemdToken.refuse(name, "a variable's name is a letter or _, then letters, digits and _")
    return word(f"{name}={value}")


def path(name: str) -> SystemdToken:
    """Write the whole value of a setting that is one path, such as Where=.

    Also for What= and EnvironmentFile=. Such a value has no quotes.

    Args:
        name: An absolute path without empty components, ``.`` and ``..``, and
            without a slash at the end.

    Returns:
        The path with its percent signs doubled.

    Raises:
        Unquotable: The path is not of that form (systemd would change it or
            ignore the setting), or :func:`plain` refuses it.

    Source: ``config_parse_unit_path_printf`` and ``path_simplify_and_warn``.
    """
    _check_path(name)
    return plain(name)


def path_word(name: str) -> SystemdToken:
    """Write one path of a list, as in RequiresMountsFor= and ReadWritePaths=.

    Args:
        name: A path, as for :func:`path`. Blanks at its end are possible here.

    Returns:
        The path in double quotes.

    Raises:
        Unquotable: The path is not of that form, or has a line break: these
            lists have quotes and a backslash before any character, but no C
            escapes, in which ``n`` would be a newline.

    Source: ``extract_first_word`` with ``EXTRACT_UNQUOTE`` alone, in
    ``config_parse_namespace_path_strv`` and its like.
    """
    _check_path(name)
    if _LINE_BREAK.search(name):
        SystemdToken.refuse(name, "a line break ends the setting")
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return SystemdToken(f'"{_percent(escaped)}"')


def bind_paths(source: str, destination: str) -> SystemdToken:
    """Write one element of BindPaths= or BindReadOnlyPaths=.

    Args:
        source: The path outside, as for :func:`path_word`.
        destination: The path inside.

    Returns:
        Both in double quotes, which make their colons plain.

    Raises:
        Unquotable: :func:`path_word` refuses one of them, or it has a quote or
            a control character: systemd 257 loses those on the way to its
            executor, and the unit does not start.

    Source: systemd.exec(5), "BindPaths="; ``config_parse_bind_paths``;
    ``exec-context-bind-path`` in execute-serialize.c.
    """
    for name in (source, destination):
        if _NOT_IN_BIND_PATHS.search(name):
            SystemdToken.refuse(name, "systemd's executor takes no quote or control character here")
    return SystemdToken.joined(":", [path_word(source), path_word(destination)])


def credential(name: str, source: str) -> SystemdToken:
    """Write the value of LoadCredential=.

    Args:
        name: The credential's name: letters, digits, ``_``, ``.`` and ``-``.
        source: The path of the file with its content, as for :func:`path`.
            Colons and quotes in it are plain.

    Returns:
        ``name:source``.

    Raises:
        Unquotable: The name is not of that form, or :func:`path` refuses the
            source, or it has a space or a backslash: systemd 257 loses those on
            the way to its executor, and the unit does not start.

    Source: systemd.exec(5), "LoadCredential="; ``config_parse_load_credential``;
    ``exec-context-load-credentials`` in execute-serialize.c.
    """
    if not {" ", "\\"}.isdisjoint(source):
        SystemdToken.refuse(source, "systemd's executor takes no space or backslash here")
    if not _CREDENTIAL.fullmatch(name) or name in {".", ".."}:
        SystemdToken.refuse(name, "a credential's name is letters, digits, _, . and -")
    if len(name) > _FILE_NAME_MAX:
        SystemdToken.refuse(name, f"a credential's name has at most {_FILE_NAME_MAX} characters")
    return SystemdToken(f"{name}:{path(source)}")


def load_credential(name: str, source: str, *, encrypted: bool) -> SystemdToken:
    """Write the whole assignment by which a unit reads a credential.

    Args:
        name: The credential's name, as for :func:`credential`.
        source: The path of the file.
        encrypted: Whether `systemd-creds encrypt` wrote the file, with this name in it.

    Returns:
        ``LoadCredential=name:source``, or the same with ``LoadCredentialEncrypted``.

    Raises:
        Unquotable: :func:`credential` refuses one of them.

    Source: systemd.exec(5), "LoadCredential="; ``config_parse_load_credential``, which reads
    both.
    """
    setting = SystemdToken(f"LoadCredential{'Encrypted' if encrypted else ''}=")
    return SystemdToken.joined("", [setting, credential(name, source)])


def mount_options(options: Sequence[str]) -> SystemdToken:
    """Write the value of a mount unit's Options=.

    Args:
        options: The options, such as ``nosuid`` or ``size=2G``.

    Returns:
        The options, joined with commas.

    Raises:
        Unquotable: There is no option, or an empty one, or one with a comma, a
            quote or a backslash, which mount(8) gives a meaning of their own;
            or :func:`plain` refuses the list.

    Source: systemd.mount(5), "Options="; mount(8), "-o".
    """
    for option in options:
        if not option or set(option) & set(',"\\'):
            SystemdToken.refuse(option, 'a mount option is not empty and has none of , " \\')
    return plain(",".join(options))


def unit_name(name: str) -> SystemdToken:
    r"""Write a unit's name as one element of a list such as After=.

    These lists take backslashes for themselves, so ``\x2d`` stays as it is.

    Args:
        name: The unit's whole name, with its type.

    Returns:
        The name.

    Raises:
        Unquotable: systemd knows no unit of that name.

    Source: systemd.unit(5); ``config_parse_unit_deps``, ``unit_name_is_valid``.
    """
    if not _UNIT_NAME.fullmatch(name) or len(name) > _UNIT_NAME_MAX:
        SystemdToken.refuse(name, "it is no unit's name")
    return SystemdToken(name)


def unit_names(names: Iterable[str]) -> SystemdToken:
    """Write several units' names, with blanks between them.

    Args:
        names: The names, each as for :func:`unit_name`.

    Returns:
        The list.

    Raises:
        Unquotable: :func:`unit_name` refuses one of them.

    Source: systemd.unit(5).
    """
    return SystemdToken.joined(" ", map(unit_name, names))


def mount_unit(where: str) -> SystemdToken:
    """Write the name of the unit that mounts something at a path.

    Args:
        where: The path, as for :func:`path`.

    Returns:
        The name, as an element of a list or for the name of a file.

    Raises:
        Unquotable: The path is not of that form, or its name is too long for
            the name of a unit.

    Source: systemd.mount(5).
    """
    return unit_name(f"{unit_path_escape(where)}.mount")


def unit_instance_escape(text: str) -> str:
    """Escape text for a part of a unit's name, as systemd-escape(1) does.

    Args:
        text: The text.

    Returns:
        The escaped text. A unit's name is made of it, so it is no token yet.

    Raises:
        Unquotable: The text has a NUL character or a lone surrogate.

    Source: systemd.unit(5), "String escaping for inclusion in unit names".
    """
    # Latin-1 gives each byte of the UTF-8 text a character of its own.
    plain_bytes = SystemdToken.utf8(text).decode("latin-1")
    return _UNIT_NAME_ESCAPED.sub(_escaped_byte, plain_bytes).replace("/", "-")


def unit_path_escape(name: str) -> str:
    r"""Escape a path for the name of its unit, as ``systemd-escape --path`` does.

    Args:
        name: An absolute path, as for :func:`path`.

    Returns:
        The escaped path: ``/srv/a b`` becomes ``srv-a\x20b``, and ``/`` a hyphen.

    Raises:
        Unquotable: The path is not of that form.

    Source: systemd.unit(5), "String escaping for inclusion in unit names".
    """
    _check_path(name)
    return "-" if name == "/" else unit_instance_escape(name.removeprefix("/"))


def env_file_value(text: str) -> SystemdToken:
    r"""Write a value for a line ``NAME=value`` of an EnvironmentFile=.

    Args:
        text: The value. It may hold line breaks.

    Returns:
        The text itself where it is plain, else in double quotes.

    Raises:
        Unquotable: The text has a NUL character, a lone surrogate or a
            noncharacter.

    Source: systemd.exec(5), "EnvironmentFile="; ``parse_env_file_internal``,
    which unescapes ``"``, ``\``, a backtick and ``$`` in double quotes.
    """
    _check(text)
    if _BARE_WORD.fullmatch(text):
        return SystemdToken(text)
    escaped = re.sub(r'["\\`$]', r"\\\g<0>", text)
    return SystemdToken(f'"{escaped}"')


def boolean(value: bool) -> SystemdToken:  # noqa: FBT001 - the value is what the function is about
    """Write a truth value.

    Args:
        value: The value.

    Returns:
        ``yes`` or ``no``.

    Source: systemd.syntax(7).
    """
    return SystemdToken("yes" if value else "no")


def percentage(text: str) -> SystemdToken:
    """Write a percentage, as CPUQuota= takes it: no specifiers are expanded there.

    Args:
        text: Digits, at most two decimals, and a percent sign.

    Returns:
        The same.

    Raises:
        Unquotable: The text is not of that form.

    Source: ``config_parse_cpu_quota``, which calls ``parse_permyriad_unbounded``.
    """
    if not _PERCENTAGE.fullmatch(text):
        SystemdToken.refuse(text, "it is no percentage")
    return SystemdToken(text)


def integer(value: int) -> SystemdToken:
    """Write an integer.

    Args:
        value: The integer.

    Returns:
        Its decimal digits.

    Source: systemd.syntax(7).
    """
    return SystemdToken(f"{value:d}")


def comment(text: str) -> SystemdToken:
    """Write a comment of one line.

    Args:
        text: What it says.

    Returns:
        ``# text``. A backslash at its end does not continue it.

    Raises:
        Unquotable: The text is not one line of visible characters.

    Source: systemd.syntax(7); ``config_parse`` in conf-parser.c.
    """
    return SystemdToken.comment_line(text)


def _check(text: str) -> None:
    encoded = SystemdToken.utf8(text)
    if _NONCHARACTER.search(text):
        SystemdToken.refuse(text, "systemd loads no file with a Unicode noncharacter")
    # Four bytes a control character, two a quote, and room for the setting's name.
    if len(encoded) * 4 + 1024 > _LINE_MAX:
        SystemdToken.refuse(text, "a line has at most 1 MiB")


def _check_path(name: str) -> None:
    _check(name)
    if not name.startswith("/"):
        SystemdToken.refuse(name, "the path is not absolute")
    components = name.split("/")[1:]
    if name != "/" and not all(components):
        SystemdToken.refuse(name, "systemd drops slashes that are doubled or at the end")
    if not {".", ".."}.isdisjoint(components):
        SystemdToken.refuse(name, "the path is not normalised")
    if len(name.encode()) >= _PATH_MAX:
        SystemdToken.refuse(name, f"a path has fewer than {_PATH_MAX} bytes")
    if any(len(component.encode()) > _FILE_NAME_MAX for component in components):
        SystemdToken.refuse(name, f"a file name has at most {_FILE_NAME_MAX} bytes")


def _percent(text: str) -> str:
    return text.replace("%", "%%")


def _odd_backslashes_at_end(text: str) -> bool:
    match = _BACKSLASHES_AT_END.search(text)
    return match is not None and len(match[0]) % 2 == 1


def _escaped_byte(match: re.Match[str]) -> str:
    return f"\\x{ord(match[0]):02x}"


def _escaped_control(match: re.Match[str]) -> str:
    return _NAMED_CONTROL.get(match[0], f"\\x{ord(match[0]):02x}")
