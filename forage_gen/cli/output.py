"""Where findings go: to a person on standard error, or to a machine on standard output."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from forage_gen.diagnostics import Diagnostic


def from_here(findings: Iterable[Diagnostic], directory: Path) -> list[Diagnostic]:
    """Name the files of findings as they are reached from where the command runs.

    The compiler names a project's files by their paths in the project. What opens them is
    elsewhere: an editor, or GitHub, for which paths begin at the top of the repository.
    """
    return [
        replace(found, location=replace(found.location, file=str(directory / found.location.file)))
        for found in findings
    ]


def show_findings(findings: Sequence[Diagnostic], form: str) -> None:
    """Write findings in the form that was asked for.

    A machine gets a document even when there is nothing to find.
    """
    if form == "text":
        if findings:
            from forage_gen.report.text import text  # noqa: PLC0415  often there is nothing to say

            sys.stderr.write(text(findings))
        return
    from forage_gen.report import machine  # noqa: PLC0415  needed by machines only

    forms = {"json": machine.json_report, "sarif": machine.sarif, "github": machine.github}
    sys.stdout.write(forms[form](findings))
