"""Refuses an agent's `hostConfigDir` that holds more than the agent's own state.

Read-only or not: what is in it is the agent's to read, and to send to whatever it reaches. The
build compares paths as they are written. `forage-prepare` does the same at each start with what
they lead to by then, and takes the lists from here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from forage_gen.diagnostics import error
from forage_gen.resolve.opened import config_dirs, key_of
from forage_gen.resolve.services import leads_to
from forage_gen.values.paths import is_at_or_below
from forage_gen.values.text import shown
from forage_gen.values.wide import COMMON, CREDENTIALS, SYSTEM, wide

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from forage_gen.diagnostics import Diagnostic
    from forage_gen.resolve import plan as p
    from forage_gen.resolve.inherit import Merged


def check_config_dirs(plan: p.Plan, templates: Mapping[str, Merged]) -> Iterator[Diagnostic]:
    """Yield an error for each that is, is in, or has in it what is not the agent's own."""
    for template in plan.templates:
        mounts = list(config_dirs(template.mounts))
        boxes = [each for each in plan.sandboxes if mounts and each.template is template]
        for mount in mounts:
            why = _why(mount.source, plan.owner.home, boxes)
            if why is not None:
                message = (
                    f"{shown(mount.source)} {why}: `hostConfigDir` shall hold an agent's own state"
                    " alone, as the agent reads all of it."
                )
                hint = (
                    'Name the one directory of the agent, such as `hostConfigDir = "~/.claude"`, '
                    "or make one for it and log in there."
                )
                where = templates[template.name].value(key_of(mount))
                yield error("config-dir-too-wide", message, hint, where)


def foreign(home: str) -> tuple[str, ...]:
    """List what it may not be, nor be in, nor have in it."""
    return (*SYSTEM, *(f"{home}/{each}" for each in CREDENTIALS))


def common(home: str) -> tuple[str, ...]:
    """List what it may not be, nor have in it."""
    return (home, *COMMON)


def _why(path: str, home: str, sandboxes: list[p.Sandbox]) -> str | None:
    if leads_to(path):
        return None  # that is refused wherever it is mounted
    if kind := wide(path, home):
        return f"is {kind}"
    for other in foreign(home):
        if is_at_or_below(path, other):
            return f"is in {shown(other)}, where others than the agent keep keys or programs"
        if is_at_or_below(other, path):
            return f"has {shown(other)} in it, where others than the agent keep keys or programs"
    return next(_holds(path, home, sandboxes), None)


def _holds(path: str, home: str, sandboxes: list[p.Sandbox]) -> Iterator[str]:
    if any(is_at_or_below(other, path) for other in common(home)):
        yield "has directories in it that many programs share"
    for sandbox in sandboxes:
        if is_at_or_below(sandbox.workspace.source, path):
            yield f"is, or has in it, the workspace of `{sandbox.name}`"
        for secret in sandbox.held_secrets:
            if is_at_or_below(secret.source, path):
                yield f"has the file of the secret `{secret.name}` in it"
