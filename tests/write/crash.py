"""Kills builds before every single line of the writer, and looks at what is left.

Run as `python -m tests.write.crash DIRECTORY SIGNAL SCENARIO WAY`. It is a program of its own
because it forks for each line, which a process with threads (pytest-xdist) should not.
It prints how many lines it has tried.
"""

from __future__ import annotations

import errno
import os
import random
import shutil
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from forage_gen.write import companions, create, locking, signals, staging, syscalls, tree
from tests.write.builder import TREES
from tests.write.support import snapshot

if TYPE_CHECKING:
    from types import FrameType

TRACED = {
    module.__file__ for module in (companions, create, locking, signals, staging, syscalls, tree)
}
OLD, NEW = TREES["old"], TREES["new"]


class _Trigger:
    """Sends a signal to this process before a line of the writer is run."""

    def __init__(self, line: int, number: signal.Signals) -> None:
        self.left = line
        self.number = number

    def call(self, frame: FrameType, _event: str, _arg: object) -> _Trigger | None:
        return self if frame.f_code.co_filename in TRACED else None

    def __call__(self, _frame: FrameType, event: str, _arg: object) -> _Trigger:
        if event == "line":
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), self.number)
        return self


def _killed(directory: Path, line: int, number: signal.Signals) -> bool:
    """Builds the new tree in a child. Returns whether the signal ended it."""
    child = os.fork()
    if child == 0:
        sys.settrace(_Trigger(line, number).call)
        NEW.write(directory / "generated", {directory / "forage.lock": b"new"})
        sys.settrace(None)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == number
        return True
    assert os.waitstatus_to_exitcode(status) == 0
    return False


def _no_exchange(_directory: int, _one: str, _other: str) -> None:
    raise OSError(errno.EINVAL, "injected")


def _prepare(directory: Path, scenario: str) -> None:
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    if scenario == "update":
        OLD.write(directory / "generated", {directory / "forage.lock": b"old"})


def _check(directory: Path, scenario: str, way: str, *, clean: bool, again: bool) -> None:
    """Nothing is half done; after a signal that can be caught, nothing is left over."""
    out = directory / "generated"
    before = OLD.snapshot() if scenario == "update" else {}
    found = snapshot(out)
    staged = snapshot(directory / ".generated.forage-new")
    between = way == "fallback" and not found and scenario == "update"
    if between:
        assert snapshot(directory / ".generated.forage-old") == before
        assert staged == NEW.snapshot()
    else:
        assert found in (before, NEW.snapshot())
    lock = directory / "forage.lock"
    content = lock.read_bytes() if lock.exists() else None
    assert content in (b"old" if scenario == "update" else None, b"new")
    if content != b"new":
        assert found == before
    elif found != NEW.snapshot() and not again:
        # The second run clears away what the first had staged and installed the lock for.
        assert staged == NEW.snapshot()
    if clean:
        assert not between
        assert {path.name for path in directory.iterdir()} <= {"generated", "forage.lock"}
        assert (content == b"new") == (found == NEW.snapshot())


def _check_repaired(directory: Path) -> None:
    NEW.write(directory / "generated", {directory / "forage.lock": b"new"})
    assert snapshot(directory / "generated") == NEW.snapshot()
    assert (directory / "forage.lock").read_bytes() == b"new"
    assert {path.name for path in directory.iterdir()} == {"generated", "forage.lock"}


def main(directory: Path, name: str, scenario: str, way: str) -> int:
    """Kills builds before each line, until one is not reached.

    Args:
        directory: A place to work in.
        name: KILL, TERM, or TWICE: the run that repairs is killed too, somewhere.
        scenario: "create": there is no tree yet; "update": there is.
        way: "exchange"; "fallback": the file system cannot exchange two names.
    """
    number = signal.SIGKILL if name == "TWICE" else signal.Signals[f"SIG{name}"]
    if way == "fallback":
        for function in ("exchange", "rename_new"):
            setattr(syscalls, function, _no_exchange)
    dice = random.Random(1)  # noqa: S311 -- the same lines in every run of the tests
    line = 0
    killed = True
    while killed:
        line += 1
        _prepare(directory, scenario)
        killed = _killed(directory, line, number)
        try:
            _check(directory, scenario, way, clean=number is not signal.SIGKILL, again=False)
            if name == "TWICE":
                _killed(directory, dice.randint(1, line), number)
                _check(directory, scenario, way, clean=False, again=True)
            _check_repaired(directory)
        except Exception:
            print(f"line {line}", file=sys.stderr)  # noqa: T201
            raise
    print(line)  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))
