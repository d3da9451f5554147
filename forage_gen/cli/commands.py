"""The commands but `build`, one function each: from parsed arguments to an exit code."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from forage_gen.cli.arguments import tree_of
from forage_gen.cli.main import Exit
from forage_gen.cli.output import from_here, show_findings
from forage_gen.diagnostics import Diagnostic, EnvironmentFailureError, Location, Severity
from forage_gen.layout import LOCK
from forage_gen.project import compile_project, plan_project
from forage_gen.write.errors import WriteError
from forage_gen.write.review import Difference, Kind

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from forage_gen.project import Compiled
    from forage_gen.resolve.resolve import Resolved

# What to do about each kind of difference that `check` finds.
_DIFFERS: Mapping[Kind, str] = {
    Kind.NO_TREE: "There is no generated tree.",
    Kind.MISSING: "A build would write this file.",
    Kind.STALE: "The project has changed since this was built.",
    Kind.EDITED: "This file was changed by hand; the next build undoes that.",
    Kind.EXTRA: "A build would remove this file.",
    Kind.MODE: "The mode of this file is not the one that a build gives it.",
    Kind.DAMAGED_MANIFEST: "The manifest is damaged.",
    Kind.FOREIGN_MANIFEST: "This manifest is not Forage's.",
    Kind.NEWER_MANIFEST: "A newer forage-gen made this tree.",
    Kind.UNKNOWN: "No build made this file.",
    Kind.NOT_REGULAR: "This is no regular file.",
}


def init(options: argparse.Namespace) -> int:
    """Write a starter project into a directory that has none."""
    from forage_gen.starter import write_starter  # noqa: PLC0415  needed by this command only

    made = write_starter(options.directory)
    for path in made:
        sys.stdout.write(f"wrote {path}\n")
    sys.stdout.write("Edit forage.toml, then run `forage-gen build`.\n")
    return Exit.DONE


def check(options: argparse.Namespace) -> int:
    """Validate, lint, and compare the tree with what a build would write."""
    from forage_gen.check.lint import lint  # noqa: PLC0415  needed by this command only

    directory: Path = options.directory
    if options.no_tree:
        findings = from_here(lint(plan_project(directory)), directory)
    else:
        compiled = compile_project(directory)
        findings = from_here(lint(compiled.resolved), directory)
        findings += _drift(compiled, tree_of(options), directory / LOCK)
    level = Severity[options.level.upper()]
    shown = sorted((f for f in findings if f.severity >= level), key=lambda found: found.sort_key)
    show_findings(shown, options.format)
    return Exit.FOUND if shown else Exit.DONE


def diff(options: argparse.Namespace) -> int:
    """Print what a build would change."""
    from forage_gen.write.compare import unified_diff  # noqa: PLC0415  needed here only

    compiled = compile_project(options.directory)
    try:
        for chunk in unified_diff(tree_of(options), compiled.artifacts, compiled.manifest):
            sys.stdout.write(chunk)
    except WriteError as failure:
        raise EnvironmentFailureError(failure.message, failure.hint) from failure
    return Exit.DONE


def explain(options: argparse.Namespace) -> int:
    """Say what a sandbox may do."""
    from forage_gen.explain import as_json, in_words  # noqa: PLC0415  needed by this command only

    resolved = plan_project(options.directory)
    sandbox = next((s for s in resolved.plan.sandboxes if s.name == options.sandbox), None)
    if sandbox is None:
        return _no_such_sandbox(options.sandbox, resolved)
    if options.json:
        json.dump(as_json(sandbox, resolved), sys.stdout, indent=2, ensure_ascii=False)
        sys.stdout.write("\n")
    else:
        sys.stdout.write(in_words(sandbox, resolved))
    return Exit.DONE


def schema(options: argparse.Namespace) -> int:
    """Print a JSON Schema."""
    from forage_gen.schema.jsonschema import json_schema  # noqa: PLC0415  needed here only

    json.dump(json_schema(options.file), sys.stdout, indent=2)
    sys.stdout.write("\n")
    return Exit.DONE


COMMANDS: Mapping[str, Callable[[argparse.Namespace], int]] = {
    "init": init,
    "check": check,
    "diff": diff,
    "explain": explain,
    "schema": schema,
}


def _drift(compiled: Compiled, out: Path, lock: Path) -> list[Diagnostic]:
    from forage_gen.write.compare import compare  # noqa: PLC0415  needed here only

    try:
        differences = compare(out, compiled.artifacts, compiled.manifest)
    except WriteError as failure:
        raise EnvironmentFailureError(failure.message, failure.hint) from failure
    found = [_differs(difference, out) for difference in differences]
    if not compiled.lock_is_current:
        message = "The numbers of some sandboxes or templates are not written down yet."
        hint = "Run `forage-gen build`, and commit forage.lock."
        found.append(_at(str(lock), "lock-stale", message, hint))
    return found


def _differs(difference: Difference, out: Path) -> Diagnostic:
    message = _DIFFERS[difference.kind]
    if difference.detail:
        message = f"{message.removesuffix('.')}: {difference.detail}."
    hint = (
        "Move it out of the tree."
        if difference.kind in {Kind.UNKNOWN, Kind.NOT_REGULAR, Kind.FOREIGN_MANIFEST}
        else "Run `forage-gen build`."
    )
    return _at(str(out / difference.path), f"tree-{difference.kind.value}", message, hint)


def _at(file: str, code: str, message: str, hint: str) -> Diagnostic:
    return Diagnostic(Severity.ERROR, code, message, hint, Location(file, 1, 1, 2, ""))


def _no_such_sandbox(name: str, resolved: Resolved) -> int:
    from forage_gen.values.text import closest, shown  # noqa: PLC0415  the rare case

    known = [sandbox.name for sandbox in resolved.plan.sandboxes]
    close = closest(name, known)
    hint = f"Did you mean `{close}`?" if close else f"The sandboxes are: {', '.join(known)}."
    sys.stderr.write(f"forage-gen: There is no sandbox {shown(name)}.\n{hint}\n")
    return Exit.INVALID
