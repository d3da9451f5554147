"""Limits bind: what runs wild inside neither leaves nor hurts others."""

from __future__ import annotations

import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.requirements import require

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.host.activate import Activated
    from tests.testhost.host import Sandbox

MIB = 1 << 20

# What has not shut down by TimeoutStopSec= is killed. The rest is for a start, and a busy machine.
STOP_TIMEOUT = 20
MARGIN = 60

INOTIFY = """
import ctypes, resource, time
most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
libc = ctypes.CDLL(None, use_errno=True)
got = 0
while got < {most} and libc.inotify_init() >= 0:
    got += 1
"""
# The kernel counts them for all hosts on this machine together: none takes all that there are.
SHARE, MORE = 512, 1000
UNLIMITED = "printf 2147483647 >/proc/sys/user/max_inotify_instances"

BOMB_MARK = "fork-bom[b]"
FORK_BOMB = """
import os, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
while True:
    try:
        os.fork()
    except OSError:
        pass
# fork-bomb
"""


def test_a_memory_hog_is_killed_inside(
    forage: Activated, research: Sandbox, neighbour: Sandbox
) -> None:
    fill = "b = bytearray({} << 20); b[::4096] = b'x' * len(b[::4096]); print('filled')"
    assert research.run("python3", "-c", fill.format(50), user="agent").stdout == "filled\n"
    done = research.run("python3", "-c", fill.format(400), user="agent", check=False)
    assert done.returncode
    assert done.stdout == ""
    assert forage.active("research")
    assert neighbour.run("echo", "well").stdout == "well\n"


def test_what_is_written_to_memory_file_systems_counts(
    forage: Activated, research: Sandbox, neighbour: Sandbox
) -> None:
    # /tmp and /dev/shm are sized after the host's memory. No kill frees what is in them:
    # the sandbox may die of it, alone.
    done = neighbour.sh("head -c 400M /dev/zero >/dev/shm/fill; echo filled", check=False)
    assert "filled" not in done.stdout
    assert research.run("echo", "well").stdout == "well\n"
    assert forage.fresh("neighbour").state() == "running"


def test_the_root_is_as_large_as_the_limit(coder: Sandbox) -> None:
    size = coder.run("df", "--output=size", "--block-size=1M", "/").stdout.split()[1]
    assert size == "64"


def test_a_full_root_is_an_error_inside(forage: Activated, review: Sandbox) -> None:
    done = review.sh("head -c 100M /dev/zero >/srv/fill", check=False)
    assert "No space left on device" in done.stderr
    assert forage.active("review")
    review.run("rm", "/srv/fill")
    review.sh("echo x >/srv/again")


def test_empty_files_fill_the_root_as_well(review: Sandbox) -> None:
    script = "import itertools\nfor i in itertools.count(): open(f'/srv/f{i}', 'x').close()"
    done = review.run("python3", "-c", script, check=False)
    assert "No space left on device" in done.stderr
    review.sh("find /srv -name 'f*' -delete")


def within_bounds(forage: Activated, *argv: str) -> None:
    """Run a command that is to end a sandbox, in bounded time."""
    begin = time.monotonic()
    forage.host.run(*argv, timeout=STOP_TIMEOUT + 2 * MARGIN)
    assert time.monotonic() - begin < STOP_TIMEOUT + MARGIN


def test_a_fork_bomb_stops_at_the_limit_and_the_sandbox_in_time(
    forage: Activated, research: Sandbox, neighbour: Sandbox
) -> None:
    # It ignores what asks it to end, and its system waits for it: the worst case of a stop.
    unit = forage.sandbox("research").unit
    research.run(
        *("systemd-run", "--quiet", "--uid=agent", "--property=CPUQuota=20%"),
        *("--property=TimeoutStopSec=infinity", "--", "python3", "-c", FORK_BOMB),
    )

    def tasks() -> int:
        return int(forage.property("research", "TasksCurrent"))

    forage.host.wait_for(lambda: tasks() >= 190, "the bomb is at the limit")
    assert tasks() <= 200
    assert neighbour.run("echo", "well").stdout == "well\n"
    assert forage.property("research", "TimeoutStopUSec") == f"{STOP_TIMEOUT}s"
    within_bounds(forage, "systemctl", "start", "forage-reset@research.service")
    # It was killed, with all that it had.
    assert "timed out. Killing." in forage.host.journal(unit)
    assert forage.host.run("pgrep", "--full", BOMB_MARK, check=False).stdout == ""
    assert forage.running("research").state() == "running"
    within_bounds(forage, "systemctl", "stop", unit)
    assert not forage.active("research")


INODES = """
import itertools, time
try:
    for number in itertools.count():
        open(f"/home/agent/{number}", "x").close()
except OSError:
    pass
"""
# As many as can be had, in 20 processes: until each has its most, or the memory that they take is
# used up and one of them is killed.
FILES = """
import glob, os, resource, time
most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
for number in range(20):
    if os.fork() == 0:
        try:
            while True:
                os.open("/dev/null", os.O_RDONLY)
        except OSError:
            os.close(3)
            open(f"/dev/shm/most-{number}", "x").close()
            time.sleep(600)
while not os.waitpid(-1, os.WNOHANG)[0] and len(glob.glob("/dev/shm/most-*")) < 20:
    time.sleep(0.1)
"""

# What exhausts something goes on until the sandbox ends. The mark is made once there is no more.
# Of memory the host sees how much is used.
MARK = "/dev/shm/exhausted"
GO_ON = f"\nopen({MARK!r}, 'x').close()\ntime.sleep(600)"
HOGS = {
    "memory": ("bash", "-c", "while :; do python3 -c 'bytearray(b\"x\") * (400 << 20)'; done"),
    "disk": (
        *("bash", "-c"),
        f"head -c 100M /dev/zero >~/fill; touch {MARK}; while :; do echo x >>~/fill; done",
    ),
    "inodes": ("python3", "-c", f"{INODES}{GO_ON}"),
    "open files": ("python3", "-c", f"{FILES}{GO_ON}"),
    "inotify": ("python3", "-c", f"{INOTIFY.format(most=MORE)}{GO_ON}"),
    "log": ("bash", "-c", f"touch {MARK}; yes flood | systemd-cat"),
}


@pytest.mark.parametrize("what", HOGS)
def test_after_an_exhaustion_it_is_reset_and_stopped_in_time(forage: Activated, what: str) -> None:
    sandbox = forage.running("coder")
    run = forage.property("coder", "InvocationID")
    hog = ("systemd-run", "--quiet", "--uid=agent", "--setenv=HOME=/home/agent", "--")
    sandbox.run(*hog, *HOGS[what])

    def exhausted() -> bool:
        if what == "memory":
            return int(forage.property("coder", "MemoryCurrent")) > 200 * MIB
        return sandbox.run("test", "-e", MARK, check=False).returncode == 0

    forage.host.wait_for(exhausted, f"there is no {what} left", timeout=MARGIN)
    within_bounds(forage, "systemctl", "start", "forage-reset@coder.service")
    assert forage.property("coder", "InvocationID") != run
    forage.running("coder").sh(f"[ ! -e {MARK} ] && echo x >~/again", user="agent")
    within_bounds(forage, "systemctl", "stop", forage.sandbox("coder").unit)
    place = forage.sandbox("coder").workspace.source
    mounts = forage.host.run("findmnt", "--list", "--noheadings", "--output=TARGET").stdout
    assert place not in mounts


def inotify_of(sandbox: Sandbox) -> int:
    """How many instances the agent can get."""
    script = f"{INOTIFY.format(most=MORE)}\nprint(got)"
    return int(sandbox.run("python3", "-c", script, user="agent").stdout)


def test_inotify_runs_out_inside_alone(forage: Activated, coder: Sandbox) -> None:
    # The kernel counts an instance for the agent and for who made its user namespace: root, which
    # keeps the most of what it may have.
    of_root = int(forage.host.run("cat", "/proc/sys/user/max_inotify_instances").stdout)
    assert 0 < inotify_of(coder) <= min(SHARE, of_root // 4)


def test_without_the_limit_it_would_get_more(forage: Activated) -> None:
    sandbox = forage.fresh("coder")
    leader = forage.host.run("machinectl", "show", "coder", "--property=Leader", "--value")
    enter = ("nsenter", f"--target={leader.stdout.strip()}", "--user", "--", "sh", "-c")
    forage.host.run(*enter, UNLIMITED)
    try:
        assert inotify_of(sandbox) == MORE
    finally:
        forage.stop("coder")


def test_root_inside_cannot_raise_a_limit(coder: Sandbox) -> None:
    script = "mount -o remount,bind,rw /proc/sys; " + UNLIMITED
    assert "Permission denied" in coder.sh(script, check=False).stderr
    assert coder.run("cat", "/proc/sys/user/max_inotify_instances").stdout != "2147483647\n"


def test_open_files_run_out_inside_alone(
    forage: Activated, research: Sandbox, neighbour: Sandbox
) -> None:
    # Tasks times descriptors is more than memoryMax holds: the kernel counts them as memory.
    script = """
import os, resource
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
for _ in range(20):
    if os.fork() == 0:
        break
try:
    while True:
        os.open("/dev/null", os.O_RDONLY)
except OSError as error:
    print(error.errno, flush=True)
"""
    research.run("python3", "-c", script, user="agent", check=False)
    assert neighbour.run("echo", "well").stdout == "well\n"
    assert forage.host.run("python3", "-c", "open('/dev/null')").returncode == 0
    assert forage.fresh("research").state() == "running"


def test_what_root_writes_to_its_console_is_kept_in_part(
    forage: Activated, research: Sandbox
) -> None:
    lines = 200_000
    research.sh(f"seq -f 'flood %.0f' {lines} >/dev/console")
    forage.stop("research")
    unit = f"--unit={forage.sandbox('research').unit}"
    kept = forage.host.sh(f"journalctl {unit} --output=cat | grep -c '^flood' || true").stdout
    # journald raises the burst with the space that it has, sixfold at most.
    assert 0 < int(kept) < lines / 10


def test_processor_time_stops_at_the_limit(forage: Activated) -> None:
    sandbox = forage.running("strict")
    script = "import time\nend = time.monotonic() + 3\nwhile time.monotonic() < end: pass"
    spent = """
import os, subprocess, sys, time
begin = time.monotonic()
children = [subprocess.Popen([sys.executable, "-c", sys.argv[1]]) for _ in range(2)]
for child in children:
    child.wait()
used = os.times()
print((used.children_user + used.children_system) / (time.monotonic() - begin))
"""
    assert float(sandbox.run("python3", "-c", spent, script, user="agent").stdout) < 0.75


# Reads as much as it can for four seconds, past the page cache.
READERS = """
import mmap, os, threading, time
size = 32 << 20
with open("/workspace/file", "wb") as file:
    file.write(bytes(size))
    os.fsync(file.fileno())
done = [0] * 4
end = time.monotonic() + 4
def read(number):
    file = os.open("/workspace/file", os.O_RDONLY | os.O_DIRECT)
    block = mmap.mmap(-1, 1 << 16)
    while time.monotonic() < end:
        os.preadv(file, [block], ((number << 23) + (done[number] << 16)) % size)
        done[number] += 1
readers = [threading.Thread(target=read, args=(number,)) for number in range(4)]
[reader.start() for reader in readers]
[reader.join() for reader in readers]
print(sum(done))
"""

# A scheduler counts only where requests wait for the disk. A loop device would have no queue.
SCHEDULER = {
    "scheduler": "bfq",
    "rotational": "1",
    "iosched/low_latency": "0",
    "iosched/strict_guarantees": "1",
}


@pytest.fixture
def one_disk(forage: Activated) -> Iterator[tuple[str, str]]:
    """Two sandboxes whose workspaces are on one slow disk; the second has the larger weight."""
    require("losetup", "mkfs.ext4")
    names = ("coder", "neighbour")
    image = forage.host.root / "var/tmp/disk"
    with image.open("wb") as file:
        file.truncate(100 * MIB)
    call("mkfs.ext4", "-q", "-O", "^has_journal", str(image))
    device = Path(call("losetup", "--find", "--show", "--direct-io=on", str(image)).strip())
    places = [forage.sandbox(name).workspace.source for name in names]
    for name in names:
        forage.stop(name)
    try:
        for name, value in SCHEDULER.items():
            (Path("/sys/block") / device.name / "queue" / name).write_text(value)
        forage.host.sh(
            """
            mknod /var/tmp/device b 7 "$1"
            mkdir /srv/disk
            mount /var/tmp/device /srv/disk
            shift
            for place; do
              install -d -o alice -g users "/srv/disk/${place##*/}"
              mount --bind "/srv/disk/${place##*/}" "$place"
            done
            """,
            device.name.removeprefix("loop"),
            *places,
        )
        for name in names:
            forage.running(name)
        yield names
    finally:
        for name in names:
            forage.stop(name)
        forage.host.run("umount", *places, "/srv/disk")
        forage.host.run("rm", "-r", "/srv/disk", "/var/tmp/device", "/var/tmp/disk")
        call("losetup", "--detach", str(device))


def call(*argv: str) -> str:
    """Run a command on this machine, whose disks the test host has."""
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


def test_a_disk_that_both_want_is_shared_by_weight(
    forage: Activated, one_disk: tuple[str, str]
) -> None:
    def read(name: str) -> int:
        done = forage.host.sandbox(name).run("python3", "-c", READERS, user="agent")
        return int(done.stdout)

    found = []
    # Where the processors are what both wait for, the disk is not shared at all.
    for _ in range(5):
        with ThreadPoolExecutor() as both:
            less, more = both.map(read, one_disk)
        found.append((less, more))
        if more > 2 * less:
            break
    assert more > 2 * less, found
