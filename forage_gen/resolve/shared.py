"""Refuses to let one sandbox write what another protects.

A protected path is a read-only mount in the sandbox that protects it, and in no other. Whoever
has the same directory without that mount can write the path, and can put a link there for the
next start to follow.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from forage_gen.diagnostics import error
from forage_gen.values.paths import is_at_or_below
from forage_gen.values.text import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from forage_gen.diagnostics import Diagnostic
    from forage_gen.read.load import Inputs
    from forage_gen.resolve import plan as p


@dataclass(frozen=True, slots=True)
class _Writer:
    """A directory that a sandbox can write, but for the paths in it that are protected there."""

    sandbox: str
    source: str
    protected: tuple[str, ...]


def check_shared(plan: p.Plan, inputs: Inputs) -> Iterator[Diagnostic]:
    """Yield an error for each sandbox that can write what another sandbox protects."""
    protecting: dict[str, dict[tuple[str, ...], str]] = {}
    for sandbox in reversed(plan.sandboxes):
        paths = sandbox.template.protected_paths
        protecting.setdefault(sandbox.workspace.source, {})[paths] = sandbox.name
    for writer in _writers(plan):
        for workspace in (writer.source, *map(str, PurePosixPath(writer.source).parents)):
            for paths, name in protecting.get(workspace, {}).items():
                whole = (f"{workspace}/{path}" for path in paths)
                if written := next((path for path in whole if _writes(writer, path)), None):
                    yield _finding(inputs, writer, name, written)


def _writers(plan: p.Plan) -> Iterator[_Writer]:
    # Of those that are alike, one is enough.
    seen = set()
    for sandbox in plan.sandboxes:
        for bind in sandbox.writable:
            paths = sandbox.template.protected_paths if bind is sandbox.workspace else ()
            if (bind.source, paths) not in seen:
                seen.add((bind.source, paths))
                yield _Writer(sandbox.name, bind.source, paths)


def _writes(writer: _Writer, path: str) -> bool:
    return is_at_or_below(path, writer.source) and not any(
        is_at_or_below(path, f"{writer.source}/{own}") for own in writer.protected
    )


def _finding(inputs: Inputs, writer: _Writer, protecting: str, path: str) -> Diagnostic:
    message = (
        f"`{protecting}` protects {shown(path)}, which `{writer.sandbox}` can write: "
        f"it has {shown(writer.source)}, too."
    )
    hint = (
        f"Give both the same `protectedPaths`, let `{writer.sandbox}` only read it, or let it have "
        "a directory of its own."
    )
    where = inputs.project_file.value(("sandboxes", writer.sandbox, "workspace"))
    return error("protected-elsewhere", message, hint, where)
