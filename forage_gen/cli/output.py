"""Where findings go: to a person on standard error, or to a machine on standard output."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from forage_gen.report import machine
from forage_gen.report.text import text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from forage_gen.diagnostics import Diagnostic

_MACHINE = {
    "json": machine.json_report,
    "sarif": machine.sarif,
    "github": machine.github,
}


def show_findings(findings: Sequence[Diagnostic], form: str) -> None:
    """Write findings in the form that was asked for.

    A machine gets a document even when there is nothing to find.
    """
    if form in _MACHINE:
        sys.stdout.write(_MACHINE[form](findings))
    elif findings:
        sys.stderr.write(text(findings))
