"""The log of API requests: how it begins anew, and that it gets no longer than it may."""

from __future__ import annotations

import json
import time
from functools import partial
from typing import TYPE_CHECKING

import pytest

from forage_gen.resolve.plan import AUDIT_LOG, AUDIT_PARTS
from tests.host.apis import ASKING
from tests.host.test_api import post, python, write_log

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.host.activate import Activated
    from tests.host.apis import Apis
    from tests.testhost.host import Completed, Sandbox

LOOK = "libexec/forage-api-log"
FILES = (AUDIT_LOG, *(f"{AUDIT_LOG}.{number}" for number in (1, 2, 3, 4)))

# Asks so many times, each time for another path, and prints what came of it.
ASK = """
    import http.client, sys
    connection = http.client.HTTPConnection("10.100.0.1")
    found = set()
    for number in range(int(sys.argv[2])):
        connection.request("GET", f"/agents/claude/{sys.argv[1]}/{number}")
        answer = connection.getresponse()
        answer.read()
        found.add(answer.status)
    print(found)
"""


def ask_often(sandbox: Sandbox, mark: str, times: int) -> None:
    assert python(sandbox, ASK, mark, str(times)) == "{403}\n"


def logged(forage: Activated, mark: str) -> list[str]:
    """The paths with the mark in all files, the oldest first."""
    write_log(forage.host)
    # There may be half a line where there was no room.
    read = """grep --no-filename '' -- $0 "$@" 2>/dev/null | jq -Rr 'fromjson? | .path'"""
    done = forage.host.run("sh", "-c", read, *reversed(FILES))
    return [path for path in done.stdout.splitlines() if f"/{mark}/" in path]


def sizes(forage: Activated) -> dict[str, int]:
    done = forage.host.sh(f"stat --format='%n %s' {AUDIT_LOG}*")
    return {name: int(size) for name, size in map(str.split, done.stdout.splitlines())}


def began_anew(forage: Activated, before: str) -> bool:
    return inode(forage) not in {before, ""}


def inode(forage: Activated) -> str:
    return forage.host.run("stat", "--format=%i", AUDIT_LOG, check=False).stdout


@pytest.fixture
def hasty(forage: Activated, asker: Sandbox) -> Iterator[Activated]:
    """The project, whose log begins anew at so few bytes that a test writes them."""
    del asker
    plain = forage.host.run("cat", f"/etc/forage/tree/{LOOK}").stdout
    part = str(forage.plan.audit_max // AUDIT_PARTS)
    assert plain.count(part) == 1
    forage.edit(LOOK, plain.replace(part, "20000"))
    yield forage
    forage.mend()


def test_it_begins_anew_and_loses_nothing(hasty: Activated, asker: Sandbox) -> None:
    mark = f"anew-{time.time_ns()}"
    for number in range(5):
        before = inode(hasty)
        ask_often(asker, f"{mark}-{number}", 60)
        hasty.host.wait_for(partial(began_anew, hasty, before), "it has begun anew")
        found = logged(hasty, f"{mark}-{number}")
        assert sorted(found) == sorted(f"/agents/claude/{mark}-{number}/{n}" for n in range(60))
    # What is older than that is gone.
    assert logged(hasty, f"{mark}-0") == []
    assert set(sizes(hasty)) == set(FILES[:4])
    directory = AUDIT_LOG.rpartition("/")[0]
    listed = hasty.host.sh(f"stat --format='%U %a' {directory}").stdout
    assert listed == "forage-api 700\n"


def test_it_begins_anew_whatever_is_wrong_with_the_keys(hasty: Activated, asker: Sandbox) -> None:
    hasty.edit("libexec/forage-api-keys", "#!/bin/sh\nexit 1\n")
    before = inode(hasty)
    ask_often(asker, f"keys-{time.time_ns()}", 60)
    hasty.host.wait_for(partial(began_anew, hasty, before), "it has begun anew")
    hasty.host.run("systemctl", "reset-failed")


def limit_files(forage: Activated, pids: list[str], size: int) -> None:
    """Have files be no larger that these processes of its user write."""
    for pid in pids:
        argv = ("prlimit", f"--pid={pid}", f"--fsize={size}:")
        forage.host.run("runuser", "-u", "forage-api", "--", *argv)


def test_it_gets_no_longer_than_its_limit(forage: Activated, asker: Sandbox) -> None:
    show = ("systemctl", "show", "--property=LimitFSIZE", "--value", "forage-api.service")
    most = int(forage.host.run(*show).stdout)
    # Two parts that are written, and three older files that were as long.
    assert most * 4 <= forage.plan.audit_max
    post(asker)
    write_log(forage.host)
    limit = sizes(forage)[AUDIT_LOG] + 10000
    main = forage.host.run("cat", "/run/forage-api/pid").stdout.strip()
    workers = forage.host.run("pgrep", "--parent", main).stdout.split()
    mark = f"much-{time.time_ns()}"
    try:
        limit_files(forage, workers, limit)
        ask_often(asker, mark, 100)  # nobody notices
        kept = logged(forage, mark)
        assert 0 < len(kept) < 50
        assert sizes(forage)[AUDIT_LOG] <= limit
        assert AUDIT_LOG in forage.host.journal("forage-api.service")
    finally:
        limit_files(forage, workers, most)
    before = inode(forage)
    forage.host.run("systemctl", "start", "forage-api-rotate.service")
    forage.host.wait_for(partial(began_anew, forage, before), "it has begun anew")
    ask_often(asker, f"{mark}-again", 5)
    assert len(logged(forage, f"{mark}-again")) == 5


@pytest.mark.parametrize("how", ["reload", "restart"])
def test_what_ends_nginx_loses_no_line(forage: Activated, asker: Sandbox, how: str) -> None:
    mark = f"{how}-{time.time_ns()}"
    ask_often(asker, mark, 20)
    forage.host.run("systemctl", how, "forage-api.service")
    forage.host.wait_for(lambda: len(logged(forage, mark)) == 20, "all of it is there")


def ctl(forage: Activated, *argv: str) -> Completed:
    program = "/etc/forage/tree/libexec/forage-ctl"
    return forage.host.run(program, "proxy", *argv, check=False)


def test_forage_ctl_says_what_a_sandbox_has_asked(
    forage: Activated, asker: Sandbox, other: Sandbox
) -> None:
    begun = time.time()
    time.sleep(0.1)
    mark = f"told-{time.time_ns()}"
    for sandbox, times in ((asker, 3), (other, 1), (asker, 2)):
        ask_often(sandbox, mark, times)
    write_log(forage.host)

    done = ctl(forage, "asker", "--json", f"--since=@{begun}")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["path"].rpartition("/")[2] for line in lines] == ["0", "1", "2", "0", "1"]
    assert {line["sandbox"] for line in lines} == {"asker"}
    assert "claude: 5 times answered with 403" in ctl(forage, "asker", f"--since=@{begun}").stdout
    assert "nothing was asked" in ctl(forage, "asker", "--since=+1h").stdout
    assert "asker: claude at https://api.anthropic.com," in ctl(forage).stdout
    assert "with the secret anthropic: open" in ctl(forage).stdout
    wrong = ctl(forage, "asker", "--since=whenever")
    assert (wrong.returncode, "whenever is no time" in wrong.stderr) == (1, True)
    assert ctl(forage, "nobody").returncode == 2


def test_without_logrotate_the_proxy_stays_down(forage: Activated, apis: Apis) -> None:
    del apis
    for name in ASKING:
        forage.stop(name)
    forage.host.run("systemctl", "stop", "forage-api.service")
    forage.host.run("mount", "--bind", "/dev/null", "/usr/sbin/logrotate")
    try:
        forage.refuses("asker", "needs forage-api.service", "there is no logrotate", "install it")
    finally:
        forage.host.run("umount", "/usr/sbin/logrotate")
    forage.host.run("systemctl", "reset-failed")
    forage.running("asker")  # the control
