"""What exists of test hosts on this machine, so that nothing outlives its owner.

Each host has a file here that names the process it belongs to, written before
anything is made. Whatever happens to that process, the next one to start a host
finds the file, sees that its owner is gone, and clears up.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import signal
import time
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.testhost.cgroups import Cgroups

if TYPE_CHECKING:
    from collections.abc import Iterator

STATE = Path("/run/forage-testhost")

# Not /tmp, which is often a tmpfs: the host's disk must be one that id-mapped
# mounts work on, as on a real host. And not an overlay, where they do not work.
DISKS = Path("/var/tmp")


@dataclass(frozen=True)
class Process:
    """A process for good: a number is used again, a number and start time are not."""

    pid: int
    start: int

    @classmethod
    def current(cls) -> Process:
        """The calling process."""
        return cls.of(os.getpid())

    @classmethod
    def of(cls, pid: int) -> Process:
        """The process that has this number now."""
        return cls(pid, _start_time(pid))

    @property
    def alive(self) -> bool:
        """Whether it still runs; a zombie does not."""
        try:
            return _start_time(self.pid) == self.start
        except ProcessLookupError:
            return False

    def kill(self) -> None:
        """Kill it, and return when it is gone."""
        with suppress(ProcessLookupError):
            fd = os.pidfd_open(self.pid)
            try:
                if self.alive:  # the number cannot change hands any more: we hold it
                    signal.pidfd_send_signal(fd, signal.SIGKILL)
            finally:
                os.close(fd)
        while self.alive:
            time.sleep(0.01)


def _start_time(pid: int) -> int:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        raise ProcessLookupError(pid) from None
    # The name may hold spaces and parentheses; what follows the last one may not.
    state, *fields = stat.rpartition(")")[2].split()
    if state in "ZX":
        raise ProcessLookupError(pid)
    return int(fields[18])


@dataclass(frozen=True)
class Record:
    """One test host: who owns it, and, once it boots, its process 1."""

    name: str
    owner: Process
    leader: Process | None = None

    @classmethod
    def new(cls, name: str | None = None) -> Record:
        """A record of a host that belongs to the calling process."""
        owner = Process.current()
        return cls(name or f"{owner.pid}-{secrets.token_hex(3)}", owner)

    @classmethod
    def load(cls, name: str) -> Record | None:
        """The record of that name, if its host runs."""
        for record in _all():
            if record.name == name and record.leader is not None and record.leader.alive:
                return record
        return None

    @property
    def disk(self) -> Path:
        """The directory of its files."""
        return DISKS / f"forage-testhost-{self.name}"

    @property
    def root(self) -> Path:
        """Its root file system."""
        return self.disk / "root"

    @property
    def console(self) -> Path:
        """What it wrote on its console."""
        return self.disk / "console.log"

    @property
    def cgroups(self) -> Cgroups:
        """Its control groups."""
        return Cgroups(f"forage-testhost-{self.name}")

    @property
    def _file(self) -> Path:
        return STATE / f"{self.name}.json"

    def save(self) -> None:
        """Write it down, whole or not at all."""
        draft = self._file.with_suffix(".new")
        draft.write_text(json.dumps(asdict(self)))
        draft.replace(self._file)

    def claim(self) -> bool:
        """Take the name, unless a living host has it; what dead ones left goes first."""
        with _locked():
            for record in _all():
                if not record.owner.alive:
                    record.clear()
            if self._file.exists():
                return False
            self.save()
            return True

    def kill(self) -> None:
        """Kill all of the host's processes: the kernel does that when process 1 dies.

        If it died before it was written down, its control groups know it.
        """
        if self.leader is not None:
            self.leader.kill()
        self.cgroups.kill()

    def clear(self) -> None:
        """Remove all that there is of the host; the record goes last."""
        self.kill()
        self.cgroups.remove()
        if self.disk.exists():
            shutil.rmtree(self.disk)
        self._file.unlink(missing_ok=True)


def _all() -> list[Record]:
    records = []
    for file in sorted(STATE.glob("*.json")):
        with suppress(FileNotFoundError):
            records.append(_parse(file.read_text()))
    return records


def _parse(text: str) -> Record:
    data = json.loads(text)
    leader = data["leader"]
    return Record(data["name"], Process(**data["owner"]), Process(**leader) if leader else None)


@contextmanager
def _locked() -> Iterator[None]:
    STATE.mkdir(mode=0o700, exist_ok=True)
    with (STATE / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
