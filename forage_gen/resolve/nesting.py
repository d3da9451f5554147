"""Refuses to mount, or to read, what lies in a directory that a sandbox can write.

The host opens such a path when a sandbox starts. Whoever can write to a directory above
it can put a symbolic link in its place before, and mount(8) and systemd follow links. So
the agent in one sandbox would choose what another sees, or what it sees itself.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from forage_gen.diagnostics import error
from forage_gen.resolve.opened import opened_paths
from forage_gen.values.text import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from forage_gen.diagnostics import Diagnostic
    from forage_gen.read.load import Inputs
    from forage_gen.resolve import plan as p
    from forage_gen.resolve.inherit import Merged


def check_nesting(
    plan: p.Plan, inputs: Inputs, templates: Mapping[str, Merged]
) -> Iterator[Diagnostic]:
    """Yield an error for each path strictly below a directory that some sandbox can write."""
    writers = dict(_writable(plan))
    for opened in opened_paths(plan, inputs, templates):
        for above in PurePosixPath(opened.path).parents:
            writer = writers.get(str(above))
            if writer is not None:
                message = (
                    f"{shown(opened.path)} lies in {shown(str(above))}, which the sandbox "
                    f"`{writer}` can write: its agent could put a link there, for the next start "
                    "to follow."
                )
                hint = f"Choose a path outside it, or let `{writer}` only read it."
                where = opened.places.value(opened.key)
                yield error("path-in-writable", message, hint, where)
                break


def _writable(plan: p.Plan) -> Iterator[tuple[str, str]]:
    # The first of several by name: the dictionary keeps the last.
    for sandbox in reversed(plan.sandboxes):
        for bind in sandbox.writable:
            yield bind.source, sandbox.name
