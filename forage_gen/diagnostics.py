"""What Forage tells people about their input: a finding, where it is, and what to write instead."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class Severity(IntEnum):
    """How bad a finding is. Ordered, so that `--level` can compare."""

    INFO = 1
    WARNING = 2
    ERROR = 3

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Location:
    """A stretch of one line of a file.

    `line`, `column` and `end_column` count from 1, in characters (not bytes);
    `end_column` is the first column after the stretch.
    """

    file: str
    line: int
    column: int
    end_column: int
    source_line: str


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding. `hint` says what to write instead."""

    severity: Severity
    code: str
    message: str
    hint: str
    location: Location

    @property
    def sort_key(self) -> tuple[str, int, int, str, str]:
        """Orders findings as a person reads the files: by file, then by place."""
        where = self.location
        return where.file, where.line, where.column, self.code, self.message


class InvalidProjectError(Exception):
    """The project cannot be compiled. Carries every finding, not only the first."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = sorted(set(diagnostics), key=lambda found: found.sort_key)
        super().__init__(f"{len(self.diagnostics)} findings")


class EnvironmentFailureError(Exception):
    """The machine, not the project, is at fault: a permission, a full disk, a missing tool."""

    def __init__(self, message: str, hint: str) -> None:
        self.message = message
        self.hint = hint
        super().__init__(message)


def error(code: str, message: str, hint: str, location: Location) -> Diagnostic:
    """Make an error, by far the most common finding."""
    return Diagnostic(Severity.ERROR, code, message, hint, location)
