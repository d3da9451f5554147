"""Limits: processor time, memory, tasks and the size of the root file system.

Each value holds a number to compare and calculate with, and the text to write
to a unit. Forage takes less than systemd does: one number with one suffix, so
that a limit reads the same to everybody. What it takes, systemd takes too.
"""

import re
from dataclasses import dataclass, field

from forage_gen.values.problem import ValueProblem
from forage_gen.values.text import shown

# Powers of 1024 (systemd.resource-control(5), `MemoryMax=`).
_FACTORS = {suffix: 1024**power for power, suffix in enumerate(("", *"KMGTPE"))}
_SIZE = re.compile(r"([0-9]{1,20})(?:\.([0-9]{1,20}))?([KMGTPE]?)")
_LOOSE_SIZE = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([KMGTPEkmgtpe])?(?:i?[Bb])?\s*")
_TMPFS_SIZE = re.compile(r"([0-9]{1,20})([KMG]?)")

SIZE_MIN = 64 * 1024**2
"""The least memory, and the least root file system, that a sandbox starts in."""

SIZE_MAX = 1024**5
"""The largest size: 1P. No machine has more, and every reader of sizes can hold it."""

_QUOTA = re.compile(r"(0|[1-9][0-9]{0,6})(?:\.([0-9]{1,2}))?%")
_BARE_NUMBER = re.compile(r"\s*([0-9]+(?:\.[0-9]{1,2})?)\s*%?\s*")
_PERMYRIAD_OF_ONE_CPU = 10_000
_QUOTA_MIN = 100
_QUOTA_MAX = 1_000_000 * 100

TASKS_MIN = 16
"""The fewest tasks that a sandbox starts with."""

TASKS_MAX = 4_194_304
"""The most tasks that Linux can number (`PID_MAX_LIMIT`, proc(5), `pid_max`)."""


@dataclass(frozen=True, slots=True)
class CpuQuota:
    """Processor time, of one CPU's.

    Attributes:
        text: What to write to `CPUQuota=`.
        permyriad: The same in ten-thousandths: 10,000 is one CPU.
    """

    text: str = field(compare=False)
    permyriad: int


@dataclass(frozen=True, slots=True)
class MemorySize:
    """A size for `MemoryMax=`.

    Attributes:
        text: What to write: a whole number with the largest suffix that fits.
        size: The same in bytes.
    """

    text: str = field(compare=False)
    size: int


@dataclass(frozen=True, slots=True)
class DiskSize:
    """A size for the `size=` of a tmpfs.

    Attributes:
        text: What to write: bytes, which every reader counts alike.
        size: The same as a number.
    """

    text: str = field(compare=False)
    size: int


@dataclass(frozen=True, slots=True)
class TasksMax:
    """A number of processes and threads.

    Attributes:
        text: What to write to `TasksMax=`.
        count: The same as a number.
    """

    text: str = field(compare=False)
    count: int


def cpu_quota(text: str) -> CpuQuota:
    """Read processor time, as `CPUQuota=` takes it (systemd.resource-control(5)).

    Percent of one CPU with at most two decimals, as systemd counts in
    ten-thousandths; from 1% (below, a sandbox does not finish its start) to
    1000000%. systemd's signs for per mille and per myriad are not taken.

    Args:
        text: Such as `200%`.

    Returns:
        The quota.

    Raises:
        ValueProblem: It is no percentage, or out of bounds.
    """
    match = _QUOTA.fullmatch(text)
    if match is None:
        bare = _BARE_NUMBER.fullmatch(text)
        raise ValueProblem(
            code="cpu-quota-invalid",
            message=f"{shown(text)} is not a percentage of a CPU.",
            hint=_quota_hint(bare[1] if bare else "", percent="%" in text),
        )
    permyriad = int(match[1]) * 100 + int((match[2] or "").ljust(2, "0"))
    if permyriad < _QUOTA_MIN:
        raise ValueProblem(
            code="cpu-quota-small",
            message=f"{shown(text)} is too little processor time for a sandbox to start in.",
            hint="Write at least `1%`; one whole CPU is `100%`.",
        )
    if permyriad > _QUOTA_MAX:
        raise ValueProblem(
            code="cpu-quota-large",
            message=f"{shown(text)} is more than any machine has.",
            hint="Write 100% for each CPU, such as `200%` for two.",
        )
    return CpuQuota(_percent(permyriad), permyriad)


def memory_size(text: str) -> MemorySize:
    """Read an amount of memory, as `MemoryMax=` takes it (systemd.resource-control(5)).

    One number and one of the suffixes K, M, G, T, P, E, to the base of 1024.
    A fraction is taken if it gives whole bytes. Percentages are not taken:
    their meaning depends on the machine. Nor is `infinity`: leave the key out.

    Args:
        text: Such as `4G`.

    Returns:
        The size. `1.5G` and `1536M` give the same.

    Raises:
        ValueProblem: It is no size, or out of bounds.
    """
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ValueProblem(
            code="memory-size-invalid",
            message=f"{shown(text)} is not a size of memory.",
            hint=_size_hint(text, "memoryMax", "KMGTPE"),
        )
    whole, fraction, suffix = match[1], match[2] or "", match[3]
    size, rest = divmod(int(whole + fraction) * _FACTORS[suffix], 10 ** len(fraction))
    if rest:
        near = min(max(size // 1024**2 * 1024**2, SIZE_MIN), SIZE_MAX)
        raise ValueProblem(
            code="memory-size-fraction",
            message=f"{shown(text)} is not a whole number of bytes.",
            hint=f"Write {shown(_canonical(near))}.",
        )
    _check_size(size, text, "memory-size", "memory")
    return MemorySize(_canonical(size), size)


def disk_size(text: str) -> DiskSize:
    """Read the size of the root file system, a tmpfs (tmpfs(5), `size=`).

    One whole number and one of the suffixes K, M, G, to the base of 1024. The
    percentages of tmpfs are not taken: their meaning depends on the machine.

    Args:
        text: Such as `2G`.

    Returns:
        The size, to be written in bytes.

    Raises:
        ValueProblem: It is no size, or out of bounds.
    """
    match = _TMPFS_SIZE.fullmatch(text)
    if match is None:
        raise ValueProblem(
            code="disk-size-invalid",
            message=f"{shown(text)} is not a size of a tmpfs.",
            hint=_size_hint(text, "diskMax", "KMG"),
        )
    size = int(match[1]) * _FACTORS[match[2]]
    _check_size(size, text, "disk-size", "space")
    return DiskSize(str(size), size)


def tasks_max(count: int) -> TasksMax:
    """Check a number of tasks, as `TasksMax=` takes it (systemd.resource-control(5)).

    Args:
        count: Such as 512. A boolean is no number here.

    Returns:
        The number.

    Raises:
        ValueProblem: It is out of bounds.
    """
    if isinstance(count, bool):
        raise ValueProblem(
            code="tasks-max-invalid",
            message=f"`{str(count).lower()}` is not a number of tasks.",
            hint="Write a whole number, such as `512`.",
        )
    if count < TASKS_MIN:
        raise ValueProblem(
            code="tasks-max-small",
            message=f"`{count}` is too few tasks for a sandbox to start with.",
            hint=f"Write at least `{TASKS_MIN}`; `512` suits most agents.",
        )
    if count > TASKS_MAX:
        raise ValueProblem(
            code="tasks-max-large",
            message=f"`{count}` is more tasks than Linux can number.",
            hint=f"Write at most `{TASKS_MAX}`, or leave `tasksMax` out.",
        )
    return TasksMax(str(count), count)


def _percent(permyriad: int) -> str:
    whole, hundredths = divmod(permyriad, 100)
    if not hundredths:
        return f"{whole}%"
    return f"{whole}.{hundredths:02d}".rstrip("0") + "%"


def _quota_hint(number: str, *, percent: bool) -> str:
    general = "Write percent of one CPU, such as `200%` for two CPUs."
    if not number or len(number) > 6:  # noqa: PLR2004 - no number that a person meant
        return general
    if percent or float(number) >= 10:  # noqa: PLR2004 - nobody counts so many CPUs
        return f"Write `{number}%`; `100%` is one CPU."
    return f"Write `{float(number) * 100:g}%` for {number} CPUs."


def _canonical(size: int) -> str:
    """Write bytes with the largest suffix that leaves a whole number."""
    for suffix in reversed("KMGTPE"):
        if size and size % _FACTORS[suffix] == 0:
            return f"{size // _FACTORS[suffix]}{suffix}"
    return str(size)


def _check_size(size: int, text: str, code: str, what: str) -> None:
    if size < SIZE_MIN:
        raise ValueProblem(
            code=f"{code}-small",
            message=f"{shown(text)} is too little {what} for a sandbox to start in.",
            hint=f"Write at least `{_canonical(SIZE_MIN)}`"
            + ("; did you forget the suffix, as in `4G`?" if text.isdigit() else "."),
        )
    if size > SIZE_MAX:
        raise ValueProblem(
            code=f"{code}-large",
            message=f"{shown(text)} is more {what} than any machine has.",
            hint="Write a size such as `4G`.",
        )


def _size_hint(text: str, key: str, suffixes: str) -> str:
    if text.strip().lower() in ("infinity", "unlimited", "none", "max"):
        return f"Leave `{key}` out to set no limit, or write a size such as `4G`."
    if "%" in text:
        return "Write a size such as `4G`; what a percentage means depends on the machine."
    loose = _LOOSE_SIZE.fullmatch(text)
    if loose is None:
        return f"Write a number with one of the suffixes {', '.join(suffixes)}, such as `4G`."
    number, suffix = loose[1], (loose[2] or "").upper()
    if suffix in suffixes and ("." not in number or len(suffixes) > len("KMG")):
        return f"Write {shown(number + suffix)}."
    size = int(float(number[:15]) * _FACTORS[suffix]) // 1024**2 * 1024**2
    if not SIZE_MIN <= size <= SIZE_MAX:
        return f"Write a number with one of the suffixes {', '.join(suffixes)}, such as `4G`."
    largest = "G" if size % 1024**3 == 0 else "M"
    return f"Write `{size // _FACTORS[largest]}{largest}`."
