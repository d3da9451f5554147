from __future__ import annotations

import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.requirements import require
from tests.write.builder import TREES
from tests.write.support import ROOT, Build, python, snapshot

if TYPE_CHECKING:
    from pathlib import Path

OLD, NEW = TREES["old"], TREES["new"]
LEFT = {"generated", "forage.lock"}


@pytest.mark.parametrize("way", ["exchange", "fallback"])
@pytest.mark.parametrize("scenario", ["create", "update"])
@pytest.mark.parametrize("number", ["KILL", "TWICE", "TERM"])
def test_killed_before_any_line(fast: Path, number: str, scenario: str, way: str) -> None:
    command = python("tests.write.crash", str(fast / "work"), number, scenario, way)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    # If the files are moved, nothing is traced and nothing is tested.
    assert int(done.stdout) > 300


def strace(directory: Path, inject: str, tree: str = "new") -> subprocess.CompletedProcess[str]:
    name = inject.partition(":")[0]
    # Not with --seccomp-bpf: that makes strace 6.1 lose the signals it should inject.
    command = ["strace", "-f", "-o", str(directory.parent / "strace.log")]
    command += ["-e", f"trace={name}", "-e", f"inject={inject}"]
    command += python("tests.write.builder", str(directory / "generated"), tree, "lock")
    return subprocess.run(command, capture_output=True, text=True, check=False)


def prepare(directory: Path) -> None:
    directory.mkdir()
    OLD.write(directory / "generated", {directory / "forage.lock": b"old\n"})


def repair(directory: Path) -> None:
    NEW.write(directory / "generated", {directory / "forage.lock": b"new\n"})
    assert snapshot(directory / "generated") == NEW.snapshot()
    assert {path.name for path in directory.iterdir()} == LEFT


# Those that change something. `write` prints nothing, so all calls are of files.
CALLS = ["mkdirat", "fchmodat", "write", "linkat", "syncfs", "renameat", "renameat2", "fsync"]


@pytest.mark.parametrize("call", [*CALLS, "unlinkat", "flock"])
def test_killed_at_any_system_call(tmp_path: Path, call: str) -> None:
    require("strace")
    for number in range(1, 50):
        directory = tmp_path / str(number)
        prepare(directory)
        done = strace(directory, f"{call}:signal=KILL:when={number}")
        assert snapshot(directory / "generated") in (OLD.snapshot(), NEW.snapshot())
        repair(directory)
        if done.returncode == 0:
            assert number > 1, f"{call} is not called at all"
            break
        assert done.returncode == -signal.SIGKILL
    else:
        pytest.fail(f"{call} is called without end")


@pytest.mark.parametrize("error", ["EIO", "ENOSPC", "EACCES", "EPERM", "EROFS"])
@pytest.mark.parametrize("call", CALLS)
def test_failing_at_any_system_call(tmp_path: Path, call: str, error: str) -> None:
    require("strace")
    for number in range(1, 50):
        directory = tmp_path / str(number)
        prepare(directory)
        done = strace(directory, f"{call}:error={error}:when={number}")
        found = snapshot(directory / "generated")
        lock = (directory / "forage.lock").read_bytes()
        # All is as before, or as it was to be; also the lock; and nothing lies around.
        if done.returncode == 0:
            assert (found, lock) == (NEW.snapshot(), b"new\n")
        elif call == "fsync":
            assert found == NEW.snapshot()
        else:
            assert (found, lock) == (OLD.snapshot(), b"old\n")
            assert {path.name for path in directory.iterdir()} == LEFT
        assert done.returncode in {0, 3}, done.stderr
        assert done.stderr == ""
        repair(directory)
        if "INJECTED" not in (tmp_path / "strace.log").read_text():
            assert number > 1, f"{call} is not called at all"
            break
    else:
        pytest.fail(f"{call} is called without end")


def test_an_old_tree_that_cannot_be_removed_is_removed_by_the_next_run(tmp_path: Path) -> None:
    require("strace")
    directory = tmp_path / "work"
    prepare(directory)
    # The first two look for what `stage` left of the lock.
    done = strace(directory, "unlinkat:error=EIO:when=4")
    assert done.stdout == "io\n"
    assert snapshot(directory / "generated") == NEW.snapshot()
    assert (directory / ".generated.forage-new").is_dir()
    repair(directory)


@pytest.mark.parametrize("error", ["EINVAL", "ENOSYS", "EOPNOTSUPP"])
@pytest.mark.parametrize("scenario", ["create", "update"])
def test_a_file_system_that_cannot_exchange(tmp_path: Path, scenario: str, error: str) -> None:
    require("strace")
    directory = tmp_path / "work"
    directory.mkdir()
    if scenario == "update":
        OLD.write(directory / "generated")
    done = strace(directory, f"renameat2:error={error}")
    assert done.returncode == 0, done.stderr
    assert "INJECTED" in (tmp_path / "strace.log").read_text()
    assert snapshot(directory / "generated") == NEW.snapshot()
    assert {path.name for path in directory.iterdir()} == LEFT


def test_a_file_system_that_cannot_exchange_and_fails_to_rename(tmp_path: Path) -> None:
    require("strace")
    directory = tmp_path / "work"
    prepare(directory)
    command = ["strace", "-f", "-o", "/dev/null", "-e", "trace=renameat,renameat2"]
    # The first renames the lock, the second the old tree, the third the new one.
    command += ["-e", "inject=renameat2:error=EINVAL", "-e", "inject=renameat:error=EIO:when=3"]
    command += python("tests.write.builder", str(directory / "generated"), "new", "lock")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (3, "io\n", "")
    assert snapshot(directory / "generated") == OLD.snapshot()
    assert (directory / "forage.lock").read_bytes() == b"old\n"
    assert {path.name for path in directory.iterdir()} == LEFT


def test_killed_at_some_moment(fast: Path) -> None:
    """Real time, and a tree that takes some: other moments than the calls above."""
    old = Build({f"d{i % 30}/f{i}": f"old {i}\n" for i in range(300)})
    new = Build({f"d{i % 29}/f{i}": f"new {i}\n" for i in range(330)})
    out = fast / "generated"
    old.write(out)
    program = (
        "import sys, pathlib; from tests.write.support import Build;"
        "new = Build({f'd{i % 29}/f{i}': f'new {i}\\n' for i in range(330)});"
        "print(flush=True); new.write(pathlib.Path(sys.argv[1]))"
    )
    command = ["env", "-C", str(ROOT), sys.executable, "-c", program, str(out)]
    seen = set()
    took = 0.0
    for number in range(31):
        with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            child.stdout.readline()
            start = time.monotonic()
            if number == 0:
                child.wait()
                took = time.monotonic() - start
            else:
                time.sleep(1.2 * took * number / 30)
                child.kill()
        found = snapshot(out)
        assert found in (old.snapshot(), new.snapshot())
        seen.add(found == new.snapshot())
        old.write(out)
        assert snapshot(out) == old.snapshot()
        assert [path.name for path in fast.iterdir()] == ["generated"]
    assert seen == {False, True}
