"""Findings to be shown."""

from __future__ import annotations

from forage_gen.diagnostics import Diagnostic, Location, Severity


def finding(  # noqa: PLR0913  the fields that the tests vary
    line: str,
    column: int = 1,
    end_column: int = 2,
    *,
    severity: Severity = Severity.ERROR,
    code: str = "bad-value",
    message: str = "It is wrong.",
    hint: str = "Write it right.",
    file: str = "forage.toml",
    number: int = 7,
) -> Diagnostic:
    """Make a finding about a stretch of a line."""
    where = Location(file, number, column, end_column, line)
    return Diagnostic(severity, code, message, hint, where)


def about(line: str, part: str) -> Diagnostic:
    """Make a finding about a part of a line."""
    start = line.index(part)
    return finding(line, start + 1, start + len(part) + 1)
