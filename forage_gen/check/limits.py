"""Rules about what a sandbox may spend, how long it lives, and how it is held."""

from __future__ import annotations

from typing import TYPE_CHECKING

from forage_gen.check.rule import Finding, RuleBook
from forage_gen.diagnostics import Severity
from forage_gen.values.limits import SIZE_MIN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from forage_gen.resolve.inherit import Merged

rules = RuleBook()

_MEBIBYTE = 1024**2


@rules.template(
    "no-limits",
    Severity.WARNING,
    summary="`cpuQuota`, `memoryMax` or `tasksMax` is missing.",
    why="One runaway build in a sandbox without limits slows down or stops the whole host.",
    instead='[resourceLimits]\ncpuQuota = "200%"\nmemoryMax = "4G"\ntasksMax = 512\n',
)
def _no_limits(merged: Merged) -> Iterator[Finding]:
    limits = merged.model.resource_limits
    lines = {
        'cpuQuota = "200%"': limits.cpu_quota,
        'memoryMax = "4G"': limits.memory_max,
        "tasksMax = 512": limits.tasks_max,
    }
    missing = [line for line, limit in lines.items() if limit is None]
    if missing:
        names = " and ".join(f"`{line.split()[0]}`" for line in missing)
        written = ", ".join(f"`{line}`" for line in missing)
        message = f"The template `{merged.name}` has no {names}."
        hint = f"Write below `[resourceLimits]`: {written}."
        yield Finding(message, hint, merged.key(("resourceLimits",)))


@rules.template(
    "no-reset",
    Severity.INFO,
    summary="A sandbox is never started afresh.",
    why="What an agent leaves behind, such as a process or a changed file outside the workspace,"
    " stays until somebody thinks of resetting it.",
    instead='resetEvery = "daily"\n',
)
def _no_reset(merged: Merged) -> Iterator[Finding]:
    if merged.model.reset_every is None:
        message = f"Sandboxes of the template `{merged.name}` are never started afresh."
        yield Finding(message, 'Write `resetEvery = "daily"`.', merged.key(("resetEvery",)))


@rules.template(
    "disk-exceeds-memory",
    Severity.WARNING,
    summary="`diskMax` is not smaller than `memoryMax`.",
    why="The root file system lives in memory and counts as such, so the kernel kills the sandbox's"
    " processes before its disk is full.",
    instead='[resourceLimits]\nmemoryMax = "4G"\ndiskMax = "2G"\n',
)
def _disk_exceeds_memory(merged: Merged) -> Iterator[Finding]:
    limits = merged.model.resource_limits
    if limits.memory_max is None or limits.disk_max.size < limits.memory_max.size:
        return
    disk = ("resourceLimits", "diskMax")
    is_written = disk in merged.origins
    message = (
        f"The root of {_mebibytes(limits.disk_max.size)} lives in memory, of which there is"
        f" {_mebibytes(limits.memory_max.size)}."
        if is_written
        else f"`diskMax`, by default {_mebibytes(limits.disk_max.size)}, lives in memory, of which"
        f" there is {_mebibytes(limits.memory_max.size)}."
    )
    half = limits.memory_max.size // 2
    hint = (
        f'Write `diskMax = "{half // _MEBIBYTE}M"`.'
        if half >= SIZE_MIN
        else f'Write `memoryMax = "{2 * limits.disk_max.size // _MEBIBYTE}M"`.'
    )
    where = merged.value(disk if is_written else ("resourceLimits", "memoryMax"))
    yield Finding(message, hint, where)


@rules.template(
    "no-user-namespace",
    Severity.WARNING,
    summary="`privateUsers` is off.",
    why="Root in the sandbox is then root on the host, held back by nothing but what nspawn takes"
    " away from it.",
    instead="[isolation]\nprivateUsers = true\n",
)
def _no_user_namespace(merged: Merged) -> Iterator[Finding]:
    if not merged.model.isolation.private_users:
        message = "Without a user namespace, root in the sandbox is root on the host."
        where = merged.value(("isolation", "privateUsers"))
        yield Finding(message, "Write `privateUsers = true`.", where)


def _mebibytes(size: int) -> str:
    return f"{size / _MEBIBYTE:,.0f} MiB"
