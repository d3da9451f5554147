from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from forage_gen.write.compare import compare
from forage_gen.write.errors import Code, WriteError
from forage_gen.write.locking import hold
from forage_gen.write.manifest import Manifest
from forage_gen.write.tree import write
from tests.write.builder import TREES, numbered
from tests.write.support import listed, python, snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OLD, NEW = TREES["old"], TREES["new"]


def start(out: Path, tree: str, way: str = "plain") -> subprocess.Popen[str]:
    command = python("tests.write.builder", str(out), tree, way)
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(children: list[subprocess.Popen[str]]) -> list[str]:
    outputs = []
    for child in children:
        output, errors = child.communicate(timeout=120)
        assert (child.returncode, errors) == (0, "")
        outputs.append(output)
    return outputs


@pytest.mark.parametrize("count", [2, 8])
def test_builds_at_once(tmp_path: Path, count: int) -> None:
    out = tmp_path / "generated"
    trees = [numbered(number).snapshot() for number in range(count)]
    for _ in range(3):
        finish([start(out, str(number), "lock") for number in range(count)])
        number = trees.index(snapshot(out))
        assert (tmp_path / "forage.lock").read_text() == f"{number}\n"
        assert listed(tmp_path) == ["forage.lock", "generated"]


def test_each_goes_on_from_what_the_one_before_left(tmp_path: Path) -> None:
    finish([start(tmp_path / "generated", str(number), "count") for number in range(8)])
    assert (tmp_path / "forage.lock").read_text() == "8"


def test_a_reader_always_sees_a_whole_tree(tmp_path: Path) -> None:
    """It keeps a directory open, as one who reads a tree must, and reads it while it can."""
    out = tmp_path / "generated"
    numbered(0).write(out)
    done = threading.Event()
    seen: list[set[bytes]] = []

    def read() -> Iterator[bytes]:
        root = os.open(out, os.O_RDONLY | os.O_DIRECTORY)
        try:
            for number in range(60):
                path = f"d{number % 7}/f{number}"
                with open(path, "rb", opener=lambda p, f: os.open(p, f, dir_fd=root)) as file:
                    yield file.read()
        finally:
            os.close(root)

    def watch() -> None:
        while not done.is_set():
            try:
                seen.append(set(read()))
            except FileNotFoundError:
                # It was switched out and is being removed. The name must lead to another.
                assert out.is_dir()
                Manifest.parse((out / "manifest.json").read_bytes())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        for number in range(100):
            numbered(number).write(out)
    finally:
        done.set()
        watcher.join()
    assert all(len(contents) == 1 for contents in seen)
    assert len({next(iter(contents)) for contents in seen}) > 3


def test_a_comparison_during_builds_sees_one_tree_or_the_other(tmp_path: Path) -> None:
    out = tmp_path / "generated"
    builds = [numbered(0), numbered(1)]
    builds[0].write(out)
    stop = threading.Event()

    def run() -> None:
        while not stop.is_set():
            for build in builds[::-1]:
                build.write(out)

    builder = threading.Thread(target=run)
    builder.start()
    found = set()
    try:
        for _ in range(200):
            try:
                found.add(len(compare(out, builds[0].artifacts, builds[0].manifest)))
            except WriteError as error:
                assert error.code is Code.BUSY  # noqa: PT017 -- that it is raised is not wanted
    finally:
        stop.set()
        builder.join()
    assert found == {0, 61}


def test_the_second_waits_and_says_so(tmp_path: Path) -> None:
    out = tmp_path / "generated"
    with hold([tmp_path]) as held:
        child = start(out, "new")
        assert child.stdout is not None
        assert child.stdout.readline() == f"waiting for {tmp_path}\n"
        write(out, OLD.artifacts, OLD.manifest, held=held)
        assert child.poll() is None
        assert snapshot(out) == OLD.snapshot()
    finish([child])
    assert snapshot(out) == NEW.snapshot()
    assert listed(tmp_path) == ["generated"]


def test_who_need_not_wait_hears_nothing(tmp_path: Path) -> None:
    assert finish([start(tmp_path / "generated", "new")]) == [""]


def test_it_can_be_stopped_while_it_waits(tmp_path: Path) -> None:
    for number in (2, 15, 9):
        with hold([tmp_path]):
            child = start(tmp_path / "generated", "new")
            assert child.stdout is not None
            child.stdout.readline()
            child.send_signal(number)
            child.communicate(timeout=60)
            assert child.returncode == -number
    assert listed(tmp_path) == []


def test_builds_in_the_same_two_directories_do_not_wait_for_each_other(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for path in (one, other):
        path.mkdir()

    def run(first: Path, second: Path) -> None:
        for number in range(50):
            lock = {second / "forage.lock": b"%d" % number}
            write(first / "generated", OLD.artifacts, OLD.manifest, companions=lock, durable=False)

    threads = [
        threading.Thread(target=run, args=pair, daemon=True)
        for pair in ((one, other), (other, one))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
        assert not thread.is_alive()


def test_one_directory_by_two_names_is_locked_once(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    OLD.write(tmp_path / "real/generated", {tmp_path / "link/forage.lock": b""})
    assert listed(tmp_path / "real") == ["forage.lock", "generated"]


def test_the_lock_must_be_the_right_one(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    with hold([tmp_path]) as held, pytest.raises(WriteError, match="not the directory") as caught:
        write(tmp_path / "one/generated", OLD.artifacts, OLD.manifest, held=held)
    assert caught.value.code is Code.BUSY


def test_a_lock_of_a_killed_build_is_gone(tmp_path: Path) -> None:
    program = (
        "import fcntl, os, sys, time; descriptor = os.open(sys.argv[1], os.O_RDONLY);"
        "fcntl.flock(descriptor, fcntl.LOCK_EX); print(flush=True); time.sleep(600)"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    waited: list[Path] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()

        def on_wait(path: Path) -> None:
            waited.append(path)
            child.kill()

        write(tmp_path / "generated", OLD.artifacts, OLD.manifest, on_wait=on_wait)
    assert waited == [tmp_path]
    assert snapshot(tmp_path / "generated") == OLD.snapshot()
