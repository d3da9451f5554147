"""Limits bind: what runs wild inside neither leaves nor hurts others."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.host.activate import Activated
    from tests.testhost.host import Sandbox

MIB = 1 << 20

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


def test_a_fork_bomb_stops_at_the_limit_and_the_sandbox_in_time(
    forage: Activated, research: Sandbox, neighbour: Sandbox
) -> None:
    # It ignores what asks it to end, and its system waits for it: the worst case of a stop.
    research.run(
        *("systemd-run", "--quiet", "--uid=agent", "--property=CPUQuota=20%"),
        *("--property=TimeoutStopSec=infinity", "--", "python3", "-c", FORK_BOMB),
    )

    def tasks() -> int:
        return int(forage.property("research", "TasksCurrent"))

    forage.host.wait_for(lambda: tasks() >= 190, "the bomb is at the limit", timeout=20)
    assert tasks() <= 200
    assert neighbour.run("echo", "well").stdout == "well\n"
    begin = time.monotonic()
    forage.host.run("systemctl", "stop", forage.sandbox("research").unit, timeout=150)
    # After 20 s it is killed. The rest is for a busy machine.
    assert time.monotonic() - begin < 60
    assert forage.property("research", "Result") == "timeout"
    assert forage.host.run("pgrep", "--full", BOMB_MARK, check=False).stdout == ""
    assert not forage.active("research")
    assert forage.running("research").state() == "running"
