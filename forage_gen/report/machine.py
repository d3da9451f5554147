"""Findings for machines: JSON, SARIF 2.1.0, and workflow commands of GitHub Actions."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING
from urllib.parse import quote

from forage_gen import __version__
from forage_gen.diagnostics import Severity
from forage_gen.report.visible import ordered, visible

if TYPE_CHECKING:
    from collections.abc import Iterable

    from forage_gen.diagnostics import Diagnostic, Location

JSON_VERSION = 1

# Longer lines are left out: a project may be one line of JSON, and have a thousand findings.
SOURCE_LINE_MAX = 4096

_SARIF_SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_SARIF_LEVEL = {Severity.INFO: "note", Severity.WARNING: "warning", Severity.ERROR: "error"}
_GITHUB_COMMAND = {Severity.INFO: "notice", Severity.WARNING: "warning", Severity.ERROR: "error"}


def json_report(diagnostics: Iterable[Diagnostic]) -> str:
    """Write findings as one JSON document, with every field that a finding has."""
    found = ordered(diagnostics)
    numbers = Counter(diagnostic.severity for diagnostic in found)
    return _dump(
        {
            "version": JSON_VERSION,
            "counts": {str(severity): numbers[severity] for severity in reversed(Severity)},
            "findings": [_as_json(diagnostic) for diagnostic in found],
        }
    )


def _as_json(diagnostic: Diagnostic) -> dict[str, object]:
    where = diagnostic.location
    return {
        "severity": str(diagnostic.severity),
        "code": diagnostic.code,
        "message": diagnostic.message,
        "hint": diagnostic.hint,
        "file": where.file,
        "line": where.line,
        "column": where.column,
        "endColumn": where.end_column,
        "sourceLine": _source_line(where),
    }


def _source_line(where: Location) -> str | None:
    return where.source_line if 0 < len(where.source_line) <= SOURCE_LINE_MAX else None


def sarif(diagnostics: Iterable[Diagnostic]) -> str:
    """Write findings as a SARIF log with one run.

    https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/sarif-v2.1.0-errata01-os-complete.html
    """
    found = ordered(diagnostics)
    worst = {d.code: d.severity for d in sorted(found, key=lambda d: d.severity)}
    codes = sorted(worst)
    run = {
        "tool": {
            "driver": {
                "name": "forage-gen",
                "version": __version__,
                "rules": [_sarif_rule(code, worst[code]) for code in codes],
            }
        },
        "columnKind": "unicodeCodePoints",
        "results": [_sarif_result(diagnostic, codes) for diagnostic in found],
    }
    return _dump({"$schema": _SARIF_SCHEMA, "version": "2.1.0", "runs": [run]})


def _sarif_rule(code: str, severity: Severity) -> dict[str, object]:
    from forage_gen.check.registry import RULES  # noqa: PLC0415  the other formats need no rules

    rule = RULES.get(code)
    if rule is None:  # the project is invalid: such a finding has no rule to be explained by
        summary = f"{code.replace('-', ' ').capitalize()}."
        why = "forage-gen does not build a project, or accept a tree, with this finding."
        text = f"{why} Each result's message ends with what to do instead."
        markdown = text
    else:
        summary, severity = rule.summary, rule.severity
        text = f"{rule.why}\n\nWrite instead:\n\n{rule.instead}"
        markdown = f"{rule.why}\n\nWrite instead:\n\n```toml\n{rule.instead}```\n"
    return {
        "id": code,
        "shortDescription": {"text": summary},
        "help": {"text": text, "markdown": markdown},
        "defaultConfiguration": {"level": _SARIF_LEVEL[severity]},
    }


def _sarif_result(diagnostic: Diagnostic, codes: list[str]) -> dict[str, object]:
    where = diagnostic.location
    region: dict[str, object] = {
        "startLine": where.line,
        "startColumn": where.column,
        "endColumn": where.end_column,
    }
    if line := _source_line(where):
        region["snippet"] = {"text": line}
    place = {"artifactLocation": _artifact(where), "region": region}
    return {
        "ruleId": diagnostic.code,
        "ruleIndex": codes.index(diagnostic.code),
        "level": _SARIF_LEVEL[diagnostic.severity],
        # SARIF has no field for a hint in words.
        "message": {"text": _with_hint(diagnostic, " ")},
        "locations": [{"physicalLocation": place}],
    }


def _artifact(where: Location) -> dict[str, str]:
    # `quote` leaves no colon, so a file's name is never read as a scheme.
    path = quote(where.file, errors="backslashreplace")
    if path.startswith("/"):
        return {"uri": f"file://{path}"}
    return {"uri": path, "uriBaseId": "%SRCROOT%"}


def github(diagnostics: Iterable[Diagnostic]) -> str:
    """Write findings as workflow commands, which GitHub shows at the lines of a change.

    https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
    """
    return "".join(f"{_command(diagnostic)}\n" for diagnostic in ordered(diagnostics))


def _command(diagnostic: Diagnostic) -> str:
    where = diagnostic.location
    properties = {
        "file": where.file,
        "line": str(where.line),
        "endLine": str(where.line),
        "col": str(where.column),
        "endColumn": str(where.end_column),
        "title": diagnostic.code,
    }
    listed = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    message = "%0A".join(map(_data, filter(None, (diagnostic.message, diagnostic.hint))))
    return f"::{_GITHUB_COMMAND[diagnostic.severity]} {listed}::{message}"


def _data(text: str) -> str:
    # `visible` has no newline left that could end the command.
    return visible(text).replace("%", "%25")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _with_hint(diagnostic: Diagnostic, separator: str) -> str:
    return separator.join(filter(None, (diagnostic.message, diagnostic.hint)))


def _dump(document: object) -> str:
    # ASCII alone, so that nothing in it can steer a terminal; JSON itself lets DEL through.
    return json.dumps(document, indent=2).replace("\x7f", "\\u007f") + "\n"
