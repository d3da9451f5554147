"""The command `build`. It is apart from the others to load nothing when there is nothing to do."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from forage_gen import memo
from forage_gen.cli.arguments import tree_of
from forage_gen.cli.main import Exit
from forage_gen.cli.output import from_here, show_findings
from forage_gen.diagnostics import EnvironmentFailureError
from forage_gen.layout import LOCK
from forage_gen.write.errors import WriteError
from forage_gen.write.locking import Hold, hold

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from forage_gen.diagnostics import Diagnostic
    from forage_gen.resolve.resolve import Resolved


def build(options: argparse.Namespace) -> int:
    """Compile the project and write the tree."""
    root: Path = options.directory
    out = tree_of(options)

    def wait(directory: Path) -> None:
        sys.stderr.write(f"forage-gen: waiting for another build in {directory}\n")

    try:
        # All is read under the lock: another build may be writing forage.lock.
        with hold(_existing({root, out.parent}), wait) as held:
            inputs = memo.digest(root)
            built = memo.recall(root, out, inputs)
            if built is None:
                return _build(root, out, held, inputs, options.format)
    except WriteError as failure:
        raise EnvironmentFailureError(failure.message, failure.hint) from failure
    # What is remembered had no warnings: see _build.
    show_findings([], options.format)
    _say(out, built, "is up to date")
    return Exit.DONE


def _build(root: Path, out: Path, held: Hold, inputs: str, form: str) -> int:
    from forage_gen.project import compile_project  # noqa: PLC0415  see the module
    from forage_gen.write.review import Kind  # noqa: PLC0415  as above
    from forage_gen.write.tree import write  # noqa: PLC0415  as above

    compiled = compile_project(root)
    resolved = compiled.resolved
    result = write(
        out,
        compiled.artifacts,
        compiled.manifest,
        companions={} if compiled.lock_is_current else {root / LOCK: compiled.lock},
        protected=[root],
        held=held,
    )
    built = memo.Built(len(resolved.plan.sandboxes), len(resolved.plan.templates))
    if not resolved.warnings:
        memo.remember(out, inputs, compiled.lock, compiled.manifest, built)
    show_findings(from_here(_warnings(resolved), root), form)
    edited = [found.path for found in result.differences if found.kind is Kind.EDITED]
    if edited:
        sys.stderr.write(f"forage-gen: undid changes by hand: {', '.join(edited)}\n")
    _say(out, built, "was written" if result.differences else "is up to date")
    return Exit.DONE


def _warnings(resolved: Resolved) -> list[Diagnostic]:
    """List the warnings that are not allowed. Lints are for `check`."""
    if not resolved.warnings:
        return []
    from forage_gen.check.allow import silence  # noqa: PLC0415  the rare case
    from forage_gen.check.registry import LINTS  # noqa: PLC0415  as above

    left = silence(list(resolved.warnings), resolved.inputs, LINTS)
    return [finding for finding in left if finding in resolved.warnings]


def _existing(directories: set[Path]) -> list[Path]:
    # A directory that is not there is reported by whoever needs it, with a better message.
    return [directory for directory in directories if directory.is_dir()]


def _say(out: Path, built: memo.Built, done: str) -> None:
    sandboxes = _count(built.sandboxes, "sandbox", "sandboxes")
    templates = _count(built.templates, "template", "templates")
    sys.stderr.write(f"{out} {done}: {sandboxes} from {templates}.\n")


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"
