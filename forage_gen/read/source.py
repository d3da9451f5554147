"""One input file: its text, its data, and where each value of it stands."""

from __future__ import annotations

import hashlib
import json
import re
import stat
import tomllib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from forage_gen.diagnostics import Diagnostic, EnvironmentFailureError, Location, error

if TYPE_CHECKING:
    from pathlib import Path

    from forage_gen.read.locate import Entry, KeyPath, Span, Spans

Value = str | int | float | bool | None | list["Value"] | dict[str, "Value"]
Table = dict[str, Value]

# 10,000 sandboxes take about 1 MiB; what is far larger was not written by hand.
MAX_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class SourceFile:
    """A file that was read and parsed.

    `name` is the path as people see it, `data` the parsed document.
    """

    name: str
    text: str
    data: Table

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
        """The lines as a TOML or JSON parser counts them: only `\\n` ends one."""
        return [line.removesuffix("\r") for line in self.text.split("\n")]

    @cached_property
    def spans(self) -> Spans:
        """Every item's place, by key path."""
        from forage_gen.read import locate  # noqa: PLC0415  parsing again only when needed

        find = locate.toml_spans if self.is_toml else locate.json_spans
        return find(self.text)

    def key(self, path: KeyPath) -> Location:
        """Where the key at `path` is written, or the nearest one above it."""
        return self._location(self._entry(path), "key")

    def value(self, path: KeyPath) -> Location:
        """Where the value at `path` is written, or the nearest one above it."""
        return self._location(self._entry(path), "value")

    def _entry(self, path: KeyPath) -> Entry | None:
        for depth in range(len(path), 0, -1):
            if entry := self.spans.get(path[:depth]):
                return entry
        return None

    def _location(self, entry: Entry | None, part: str) -> Location:
        if entry is None:
            return self.start()
        return self._at(entry.key if part == "key" else entry.value)

    def _at(self, span: Span) -> Location:
        line = self.lines[span.row]
        raw = line.encode()
        column = len(raw[: span.column].decode(errors="replace")) + 1
        # A value that goes on over several lines is underlined to the end of its first.
        stop = span.end_column if span.end_row == span.row else len(raw)
        end = len(raw[:stop].decode(errors="replace")) + 1
        return Location(self.name, span.row + 1, column, max(end, column + 1), line)

    def start(self) -> Location:
        """Point at the first line: the place of what is missing from the file."""
        return Location(self.name, 1, 1, 2, self.lines[0])


class UnreadableError(Exception):
    """A file that cannot be used at all. Carries the finding that says why."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        self.diagnostic = diagnostic
        super().__init__(diagnostic.message)


def read_source(path: Path, name: str) -> SourceFile:
    """Read and parse one `.toml`, `.lock` (TOML) or `.json` file.

    Raises:
        UnreadableError: it is missing, no regular file, empty, too large, not
            UTF-8, or not well-formed.
        EnvironmentFailureError: the system does not let us read it.
    """
    text = _read_text(path, name)
    parse = _parse_json if name.endswith(".json") else _parse_toml
    return SourceFile(name, text, parse(text, name))


def _read_text(path: Path, name: str) -> str:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            kind = "a directory" if stat.S_ISDIR(status.st_mode) else "not a regular file"
            raise _unreadable(
                name, "not-a-file", f"`{name}` is {kind}", "put a text file of this name here"
            )
        if status.st_size > MAX_BYTES:
            raise _unreadable(
                name,
                "file-too-large",
                f"`{name}` has {status.st_size:,} bytes; at most {MAX_BYTES:,} are read",
                "is this the right file? A project of 10,000 sandboxes has about 1,000,000 bytes",
            )
        raw = path.read_bytes()
    except FileNotFoundError:
        raise _unreadable(
            name,
            "file-not-found",
            f"there is no `{name}`",
            "run `forage-gen init` to make a project, or name its directory",
        ) from None
    except OSError as failure:
        message = f"cannot read `{name}`: {failure.strerror}"
        raise EnvironmentFailureError(message, "check the permissions of the file") from failure
    return _decode(raw, name)


def _decode(raw: bytes, name: str) -> str:
    if raw.startswith(b"\xef\xbb\xbf"):
        raise _unreadable(
            name,
            "byte-order-mark",
            f"`{name}` starts with a byte order mark",
            "save it as UTF-8 without BOM",
        )
    try:
        text = raw.decode()
    except UnicodeDecodeError as failure:
        before = raw[: failure.start].decode()
        line = before.count("\n") + 1
        column = len(before) - (before.rfind("\n") + 1) + 1
        shown = raw.split(b"\n")[line - 1].decode(errors="replace")
        raise UnreadableError(
            error(
                "not-utf-8",
                f"`{name}` is not UTF-8: byte 0x{raw[failure.start]:02x} at offset {failure.start}",
                "save the file as UTF-8",
                Location(name, line, column, column + 1, shown),
            )
        ) from None
    if not text.strip():
        raise _unreadable(
            name,
            "file-empty",
            f"`{name}` is empty",
            "`forage-gen init` writes a starter project that shows the keys",
        )
    return text


def _parse_toml(text: str, name: str) -> Table:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as failure:
        raise _syntax_error(text, name, str(failure)) from None
    except RecursionError:
        raise _too_deep(name) from None


# tomllib puts the place into its message only: "... (at line 3, column 5)".
_TOML_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


def _syntax_error(text: str, name: str, message: str) -> UnreadableError:
    lines = text.split("\n")
    place = _TOML_PLACE.search(message)
    what = _TOML_PLACE.sub("", message)
    if place and place[1]:
        line, column = int(place[1]), int(place[2])
    else:
        line, column = len(lines), len(lines[-1]) + 1
    conflict = next((n for n, row in enumerate(lines, 1) if row.startswith("<<<<<<< ")), None)
    if conflict is not None:
        location = Location(name, conflict, 1, 8, lines[conflict - 1])
        return UnreadableError(
            error(
                "merge-conflict",
                f"`{name}` holds the markers of an unfinished merge",
                "keep the lines of both sides, and delete those that start with `<<<<<<<`, "
                "`=======` and `>>>>>>>`",
                location,
            )
        )
    shown = lines[line - 1] if line <= len(lines) else ""
    location = Location(name, line, column, column + 1, shown.removesuffix("\r"))
    hint = "see https://toml.io/en/v1.0.0 for the syntax; a string needs quotes"
    if "overwrite" in what or "twice" in what or "declare" in what:
        hint = "the same key or table stands here a second time: delete or rename one"
    return UnreadableError(error("toml-syntax", f"no valid TOML: {_lower(what)}", hint, location))


def _parse_json(text: str, name: str) -> Table:
    def no_duplicates(pairs: list[tuple[str, Value]]) -> Table:
        table = dict(pairs)
        if len(table) < len(pairs):
            seen: set[str] = set()
            twice = next(key for key, _ in pairs if key in seen or seen.add(key))
            raise _unreadable(
                name,
                "duplicate-key",
                f"the key `{twice}` stands twice in one object",
                "delete one: JSON readers disagree about which of them counts",
            )
        return table

    def no_constant(constant: str) -> None:
        raise _unreadable(
            name, "json-syntax", f"no valid JSON: `{constant}` is no number", "write a number"
        )

    try:
        data = json.loads(text, object_pairs_hook=no_duplicates, parse_constant=no_constant)
    except json.JSONDecodeError as failure:
        line = text.split("\n")[failure.lineno - 1]
        location = Location(name, failure.lineno, failure.colno, failure.colno + 1, line)
        message = f"no valid JSON: {_lower(failure.msg)}"
        hint = "see https://www.json.org for the syntax"
        raise UnreadableError(error("json-syntax", message, hint, location)) from None
    except RecursionError:
        raise _too_deep(name) from None
    if not isinstance(data, dict):
        raise _unreadable(
            name,
            "wrong-type",
            "the document is no object",
            "it starts with `{` and has the keys of forage.toml, and `templates`",
        )
    return data


def _unreadable(name: str, code: str, message: str, hint: str) -> UnreadableError:
    return UnreadableError(error(code, message, hint, Location(name, 1, 1, 2, "")))


def _too_deep(name: str) -> UnreadableError:
    hint = "no key of Forage is deeper than five tables"
    return _unreadable(name, "too-deep", "the values are nested too deeply", hint)


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]
