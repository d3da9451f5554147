"""The control groups of a test host, on the machine that runs the tests."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

BASE = Path("/sys/fs/cgroup")

_ONLY_VERSION_2 = ("version2",)
_WANTED = ("cpu", "memory", "pids")


@dataclass(frozen=True)
class Cgroups:
    """One control group of the same name in every hierarchy."""

    name: str

    @property
    def hierarchies(self) -> tuple[str, ...]:
        """The mounted hierarchies, or ("version2",) where there is but that one.

        All of them, used or not: the host's systemd mounts what it finds, and makes
        groups there. In one where it had no place of its own they would be ours.
        """
        types = _mounted_types()
        if types.get(BASE) == "cgroup2":
            return _ONLY_VERSION_2
        kinds = {"cgroup", "cgroup2"}
        mounted = (p for p, kind in types.items() if p.parent == BASE and kind in kinds)
        return tuple(sorted(path.name for path in mounted))

    @property
    def directories(self) -> tuple[Path, ...]:
        """Where they are."""
        if self.hierarchies == _ONLY_VERSION_2:
            return (BASE / self.name,)
        return tuple(BASE / hierarchy / self.name for hierarchy in self.hierarchies)

    @property
    def for_commands(self) -> tuple[Path, ...]:
        """Where a command belongs that is brought in beside systemd.

        Version 2 has processes in leaves only.
        """
        return tuple(
            d / "init.scope" if (d / "init.scope").exists() else d for d in self.directories
        )

    def create(self) -> None:
        """Make them, and see to it that their limits will bind."""
        if self.hierarchies == _ONLY_VERSION_2:
            (BASE / "cgroup.subtree_control").write_text(" ".join(f"+{c}" for c in _WANTED))
        for directory in self.directories:
            directory.mkdir()
            for setting in ("cpuset.cpus", "cpuset.mems"):
                if directory.parent.name == "cpuset":  # nothing may join one that has none
                    (directory / setting).write_text((directory.parent / setting).read_text())

    def kill(self) -> None:
        """Kill whatever is in them, at any depth."""
        for directory in self.directories:
            for file in directory.rglob("cgroup.procs"):
                for pid in file.read_text().split():
                    with suppress(ProcessLookupError):
                        os.kill(int(pid), signal.SIGKILL)

    def remove(self) -> None:
        """Remove them with all below; their processes must be dead."""
        for top in self.directories:
            if top.exists():
                below = (p for p in top.rglob("*") if p.is_dir())
                for directory in sorted(below, reverse=True):
                    _rmdir(directory)
                _rmdir(top)


def _mounted_types() -> dict[Path, str]:
    types = {}
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, where, kind, *_ = line.split()
        types[Path(where)] = kind
    return types


def _rmdir(directory: Path) -> None:
    """Remove a control group, which the kernel holds busy for a moment after a death."""
    deadline = time.monotonic() + 5
    while True:
        try:
            directory.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return
