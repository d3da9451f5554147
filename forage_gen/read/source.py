"""One input file: its text, its data, and where each value of it stands."""

from __future__ import annotations

import hashlib
import json
import re
import stat
import tomllib
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, NoReturn

from forage_gen.diagnostics import EnvironmentFailureError, InvalidProjectError, Location, error
from forage_gen.read.salvage import read_on, without_statement
from forage_gen.read.salvage_json import without_mistake
from forage_gen.values.secrets import looks_like_key
from forage_gen.values.text import shown

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from forage_gen.diagnostics import Diagnostic
    from forage_gen.read.locate import Entry, Index, KeyPath, Span

Value = str | int | float | bool | None | list["Value"] | dict[str, "Value"]
Table = dict[str, Value]

# 10,000 sandboxes take about 1 MiB; what is far larger was not written by hand.
MAX_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class SourceFile:
    """A file that was read and parsed.

    `name` is the path as people see it, `data` the parsed document. `is_whole` is false
    where statements that cannot be read were left out of it.
    """

    name: str
    text: str
    data: Table
    is_whole: bool = True

    @property
    def is_toml(self) -> bool:
        """Whether the file is TOML; otherwise it is JSON."""
        return not self.name.endswith(".json")

    @property
    def digest(self) -> str:
        """SHA-256 of the text, in hexadecimal."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @cached_property
    def lines(self) -> list[str]:
        """The lines of the text."""
        return split_lines(self.text)

    @cached_property
    def index(self) -> Index:
        """Every item's place, by key path."""
        return _index(self.name, self.text)

    def key(self, path: KeyPath) -> Location:
        """Where the key at `path` is written, or the nearest one above it."""
        entry = self._entry(path)
        return self._at(entry.key) if entry else self.start()

    def value(self, path: KeyPath) -> Location:
        """Where the value at `path` is written, or the nearest one above it."""
        entry = self._entry(path)
        return self._at(entry.value) if entry else self.start()

    def start(self) -> Location:
        """Point at the first line: the place of what is missing from the file."""
        return locate(self.name, self.lines, 1, 1, 2)

    def _entry(self, path: KeyPath) -> Entry | None:
        spans = self.index.spans
        return next(
            (spans[path[:depth]] for depth in range(len(path), 0, -1) if path[:depth] in spans),
            None,
        )

    def _at(self, span: Span) -> Location:
        return span_location(self.name, self.lines, span)


class UnreadableError(InvalidProjectError):
    """A file that cannot be used.

    Attributes:
        diagnostic: The finding that says why.
        rest: What can be read of it all the same, to find its other mistakes.
    """

    def __init__(
        self,
        diagnostic: Diagnostic,
        others: Iterable[Diagnostic] = (),
        rest: SourceFile | None = None,
    ) -> None:
        self.diagnostic = diagnostic
        self.rest = rest
        super().__init__([diagnostic, *others])


def read_source(path: Path, name: str) -> SourceFile:
    """Read and parse one `.toml`, `.lock` (TOML) or `.json` file.

    Raises:
        UnreadableError: it is missing, no regular file, empty, too large, not
            UTF-8, or not well-formed.
        EnvironmentFailureError: the system does not let us read it.
    """
    text = read_text(path, name)
    is_json = name.endswith(".json")
    parse = _parse_json if is_json else _parse_toml
    try:
        return SourceFile(name, text, parse(text, name))
    except UnreadableError as first:
        repair = without_mistake if is_json else without_statement
        data, mistakes = read_on(text, first, lambda left: parse(left, name), repair)
        rest = None if data is None else SourceFile(name, text, data, is_whole=False)
        found = (each.diagnostic for each in mistakes)
        raise UnreadableError(first.diagnostic, found, rest) from None


def read_text(path: Path, name: str) -> str:
    """Read one text file of a project.

    Raises:
        UnreadableError: it is missing, no regular file, empty, too large, or not UTF-8.
        EnvironmentFailureError: the system does not let us read it.
    """
    return _decode(_read(path, name), name)


def split_lines(text: str) -> list[str]:
    r"""Split a text as a TOML or JSON parser counts lines: only `\n` ends one."""
    return [line.removesuffix("\r") for line in text.split("\n")]


def locate(name: str, lines: list[str], line: int, column: int, end: int) -> Location:
    """Make a location. A line that holds what is probably a key is not shown."""
    text = lines[line - 1] if line <= len(lines) else ""
    return Location(name, line, column, max(end, column + 1), "" if holds_key(text) else text)


def span_location(name: str, lines: list[str], span: Span) -> Location:
    """Make a location of a span. A value of several lines is marked in its first."""
    raw = lines[span.row].encode()
    stop = span.end_column if span.end_row == span.row else len(raw)
    column = len(raw[: span.column].decode(errors="replace")) + 1
    end = len(raw[:stop].decode(errors="replace")) + 1
    return locate(name, lines, span.row + 1, column, end)


_WORD = re.compile(r"""[^\s"'=,\[\]{}]+""")
# At this length `looks_like_key` goes by how keys begin. Not by how irregular
# they are, which names of packages can be as well.
_BEGINNING = 19


# Of a line with many values, it is asked for each finding.
@lru_cache(maxsize=16)
def holds_key(text: str) -> bool:
    """Return whether a text holds a word that begins like a key of a known maker."""
    return "-----BEGIN " in text or any(
        looks_like_key(word[0][:_BEGINNING]) for word in _WORD.finditer(text)
    )


def _read(path: Path, name: str) -> bytes:
    try:
        status = path.stat()
        # Before it is opened: opening a FIFO would wait for a writer.
        if not stat.S_ISREG(status.st_mode):
            kind = "a directory" if stat.S_ISDIR(status.st_mode) else "not a regular file"
            message = f"{shown(name)} is {kind}."
            raise _unreadable(name, "not-a-file", message, "Put a text file of this name here.")
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        message = f"There is no {shown(name)}."
        raise _unreadable(name, "file-not-found", message, _missing_hint(name)) from None
    except OSError as failure:
        message = f"Cannot read {shown(name)}: {failure.strerror}."
        hint = "Check the permissions of the file and of its directory."
        raise EnvironmentFailureError(message, hint) from failure
    if len(raw) > MAX_BYTES:
        message = f"{shown(name)} has more than {MAX_BYTES:,} bytes, the most that are read."
        hint = "Check whether it is the right file: 10,000 sandboxes take about 1,000,000 bytes."
        raise _unreadable(name, "file-too-large", message, hint)
    return raw


def _missing_hint(name: str) -> str:
    if "/" in name:
        return "Remove the link that leads nowhere, or put the file back."
    return "Run `forage-gen init` to make a project, or name its directory."


def _decode(raw: bytes, name: str) -> str:
    if raw.startswith(b"\xef\xbb\xbf"):
        message = f"{shown(name)} begins with a byte order mark."
        raise _unreadable(name, "byte-order-mark", message, "Save it as UTF-8 without BOM.")
    try:
        text = raw.decode()
    except UnicodeDecodeError as failure:
        message = (
            f"{shown(name)} is not UTF-8: it has the byte 0x{raw[failure.start]:02x} at offset"
            f" {failure.start}."
        )
        before = split_lines(raw[: failure.start].decode())
        lines = split_lines(raw.decode(errors="replace"))
        column = len(before[-1]) + 1
        location = locate(name, lines, len(before), column, column + 1)
        raise UnreadableError(
            error("not-utf-8", message, "Save the file as UTF-8.", location)
        ) from None
    if not text.strip():
        raise _unreadable(name, "file-empty", f"{shown(name)} is empty.", _empty_hint(name))
    return text


def _empty_hint(name: str) -> str:
    if name.endswith(".lock"):
        return "Delete it, or restore it from version control; `forage-gen build` writes it."
    if "/" in name:
        return 'Write at least `network = "none"`, or delete the file.'
    return "Run `forage-gen init` in an empty directory to see a project that builds."


def _parse_toml(text: str, name: str) -> Table:
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise _too_deep(name) from None
    # Not only TOMLDecodeError: int() refuses numbers of some thousand digits.
    except ValueError as failure:
        raise _toml_error(text, name, str(failure)) from None


# tomllib puts the place into its message only: "... (at line 3, column 5)".
_TOML_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_TOML_TWICE = re.compile(r"overwrite|twice|[Dd]uplicate|already|mutate")
_TOML_HINT = "See https://toml.io/en/v1.0.0 for the syntax; strings need quotes."
_TWICE_HINT = "Delete or rename one of the two that have this name."


def _toml_error(text: str, name: str, message: str) -> UnreadableError:
    twice = _TOML_TWICE.search(message) is not None
    if found := _conflict(text, name) or (_duplicate(text, name) if twice else None):
        return found
    lines = split_lines(text)
    place = _TOML_PLACE.search(message)
    if place and place[1]:
        line, column = int(place[1]), int(place[2])
    else:
        line, column = len(lines), len(lines[-1]) + 1
    end = column + _word_length(lines[line - 1][column - 1 :])
    what = _lower(_TOML_PLACE.sub("", message)).rstrip(".")
    hint = _TWICE_HINT if twice else _TOML_HINT
    location = locate(name, lines, line, column, end)
    return UnreadableError(error("toml-syntax", f"This is no valid TOML: {what}.", hint, location))


def _conflict(text: str, name: str) -> UnreadableError | None:
    lines = split_lines(text)
    row = next((n for n, line in enumerate(lines, 1) if line.startswith("<<<<<<< ")), None)
    if row is None:
        return None
    message = f"{shown(name)} holds the markers of an unfinished merge."
    hint = (
        "Keep what is right of both sides, and delete the lines that start with `<<<<<<<`, "
        "`=======` and `>>>>>>>`."
    )
    if name.endswith(".lock"):
        hint = (
            "Keep the lines of both sides, and delete those that start with `<<<<<<<`, `=======` "
            "and `>>>>>>>`."
        )
    location = locate(name, lines, row, 1, len(lines[row - 1]) + 1)
    return UnreadableError(error("merge-conflict", message, hint, location))


def _duplicate(text: str, name: str) -> UnreadableError | None:
    found = next(iter(_index(name, text).duplicates), None)
    if found is None:
        return None
    key = shown(str(found.path[-1]))
    message = f"{key} is written twice; the first is on line {found.first.row + 1}."
    location = span_location(name, split_lines(text), found.second)
    return UnreadableError(error("duplicate-key", message, _TWICE_HINT, location))


class _TwiceError(ValueError):
    """An object of a JSON text has a key twice, which json.loads would let pass."""


class _NoNumberError(ValueError):
    """A JSON text has `NaN` or `Infinity`, which json.loads would let pass."""


# A string, which may contain such a word, or the word itself.
_JSON_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_JSON_CONSTANT = re.compile(rf"{_JSON_STRING.pattern}|(-?Infinity|NaN)")
_JSON_HINT = "See https://www.json.org for the syntax."


def _parse_json(text: str, name: str) -> Table:
    try:
        data = json.loads(
            text, object_pairs_hook=_without_duplicates, parse_constant=_refuse_constant
        )
    except _TwiceError:
        raise _duplicate(text, name) or _too_deep(name) from None
    except _NoNumberError as failure:
        found = next(match for match in _JSON_CONSTANT.finditer(text) if match[1])
        message = f"This is no valid JSON: `{failure}` is no number."
        raise _json_error(text, name, message, "Write a number.", found.span(1)) from None
    except json.JSONDecodeError as failure:
        message = f"This is no valid JSON: {_lower(failure.msg).rstrip('.')}."
        span = failure.pos, failure.pos + _word_length(text[failure.pos :])
        syntax = _json_error(text, name, message, _JSON_HINT, span)
        raise _conflict(text, name) or syntax from None
    except RecursionError:
        raise _too_deep(name) from None
    except ValueError as failure:  # int() refuses numbers of some thousand digits
        message = f"This is no valid JSON: {_lower(str(failure)).rstrip('.')}."
        raise _json_error(text, name, message, "Write a smaller number.", (0, 1)) from None
    _refuse_surrogates(text, name)
    if not isinstance(data, dict):
        message = f"{shown(name)} is no object."
        hint = "Write `{` and `}` around the keys of forage.toml and `templates`."
        raise _unreadable(name, "wrong-type", message, hint)
    return data


def _without_duplicates(pairs: list[tuple[str, Value]]) -> Table:
    table = dict(pairs)
    if len(table) < len(pairs):
        raise _TwiceError
    return table


def _refuse_constant(constant: str) -> NoReturn:
    raise _NoNumberError(constant)


def _refuse_surrogates(text: str, name: str) -> None:
    """Refuse half a character, which JSON can escape and no other format can hold."""
    if not re.search(r"\\u[dD][89a-fA-F]", text):
        return
    for match in _JSON_STRING.finditer(text):
        if re.search("[\ud800-\udfff]", json.loads(match[0], strict=False)):
            message = f"{shown(json.loads(match[0], strict=False))} holds half of a character."
            hint = r"Write the character itself, or both of its `\u` escapes."
            raise _json_error(text, name, message, hint, match.span())


def _json_error(
    text: str, name: str, message: str, hint: str, span: tuple[int, int]
) -> UnreadableError:
    before = split_lines(text[: span[0]])
    column = len(before[-1]) + 1
    location = locate(name, split_lines(text), len(before), column, column + span[1] - span[0])
    return UnreadableError(error("json-syntax", message, hint, location))


def _unreadable(name: str, code: str, message: str, hint: str) -> UnreadableError:
    return UnreadableError(error(code, message, hint, Location(name, 1, 1, 2, "")))


def _too_deep(name: str) -> UnreadableError:
    message = f"The values in {shown(name)} are nested too deeply."
    hint = "Write plain tables and lists; no key of Forage is deeper than five tables."
    return _unreadable(name, "too-deep", message, hint)


def _index(name: str, text: str) -> Index:
    # Loading the parser takes as long as reading a project; mistakes alone need it.
    from forage_gen.read import locate as places  # noqa: PLC0415

    return places.json_index(text) if name.endswith(".json") else places.toml_index(text)


def _word_length(rest: str) -> int:
    word = re.match(r"[\w.+:/@~-]+", rest)
    return len(word[0]) if word else 1


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]
