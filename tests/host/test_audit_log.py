"""The logs of API requests: how they begin anew, and that they get no longer than they may."""

from __future__ import annotations

import json
import time
from functools import partial
from typing import TYPE_CHECKING

import pytest

from forage_gen.resolve.plan import AUDIT, AUDIT_LOGS, AUDIT_PARTS
from tests.host.apis import ASKING
from tests.host.test_api import ask, post, python, write_log

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.host.activate import Activated
    from tests.host.apis import Apis
    from tests.testhost.host import Completed, Sandbox

LOOK = "libexec/forage-api-log"
REFUSED = f"{AUDIT}/refused.log"

# Asks so many times, each time for another path below that one, and prints what came of it.
ASK = """
    import http.client, sys
    connection = http.client.HTTPConnection("10.100.0.1")
    found = set()
    for number in range(int(sys.argv[2])):
        connection.request("GET", f"{sys.argv[1]}/{number}")
        answer = connection.getresponse()
        answer.read()
        found.add(answer.status)
    print(found)
"""


def ask_often(sandbox: Sandbox, path: str, times: int, *, status: int = 403) -> None:
    assert python(sandbox, ASK, path, str(times)) == f"{{{status}}}\n"


def logged(forage: Activated, path: str, log: str = REFUSED) -> list[str]:
    """The paths below that one in all files of the log."""
    write_log(forage.host)
    # There may be half a line where there was no room.
    read = f"""cat {log}* | jq -Rr 'fromjson? | .path'"""
    paths = forage.host.sh(read).stdout.splitlines()
    return [found for found in paths if found.startswith(f"{path}/")]


def sizes(forage: Activated) -> dict[str, int]:
    done = forage.host.sh(f"stat --format='%n %s' {AUDIT}/*")
    return {name: int(size) for name, size in map(str.split, done.stdout.splitlines())}


def all_short(forage: Activated) -> bool:
    found = sizes(forage)
    return all(found.get(f"{AUDIT}/{name}.log", 5000) < 5000 for name in AUDIT_LOGS)


def began_anew(forage: Activated, log: str, before: str) -> bool:
    return inode(forage, log) not in {before, ""}


def inode(forage: Activated, log: str = REFUSED) -> str:
    return forage.host.run("stat", "--format=%i", log, check=False).stdout


@pytest.fixture
def hasty(forage: Activated, asker: Sandbox) -> Iterator[Activated]:
    """The project, whose logs begin anew at so few bytes that a test writes them."""
    del asker
    plain = forage.host.run("cat", f"/etc/forage/tree/{LOOK}").stdout
    part = str(forage.plan.audit_max // AUDIT_PARTS)
    assert plain.count(part) == 1
    forage.edit(LOOK, plain.replace(part, "5000"))
    # What other tests have written may be longer than that already.
    write_log(forage.host)
    forage.host.wait_for(partial(all_short, forage), "all are short")
    yield forage
    forage.mend()


# What is asked of an API, and what is refused: where to, and what is answered.
ASKED = {
    "requests": ("/proxies/forge/repos/acme/website", 200),
    "refused": ("/proxies/forge/repos/acme/other", 403),
}


@pytest.mark.parametrize("name", ASKED)
def test_it_begins_anew_and_loses_nothing(hasty: Activated, other: Sandbox, name: str) -> None:
    place, status = ASKED[name]
    log = f"{AUDIT}/{name}.log"
    files = {f"{AUDIT}/{each}.log": inode(hasty, f"{AUDIT}/{each}.log") for each in ASKED}
    mark = f"{place}/{time.time_ns()}-{'x' * 800}"
    for number in range(AUDIT_LOGS[name] + 1):
        before = inode(hasty, log)
        ask_often(other, f"{mark}-{number}", 8, status=status)
        hasty.host.wait_for(partial(began_anew, hasty, log, before), "it has begun anew")
        found = logged(hasty, f"{mark}-{number}", log)
        assert sorted(found) == [f"{mark}-{number}/{n}" for n in range(8)]
    # What is older than that is gone, and the other log stays as it was.
    assert logged(hasty, f"{mark}-0", log) == []
    numbers = ["", *(f".{number}" for number in range(1, AUDIT_LOGS[name]))]
    assert {each for each in sizes(hasty) if each.startswith(log)} == {log + n for n in numbers}
    del files[log]
    assert {each: inode(hasty, each) for each in files} == files
    listed = hasty.host.sh(f"stat --format='%U %a' {AUDIT}").stdout
    assert listed == "forage-api 700\n"


def test_it_begins_anew_whatever_is_wrong_with_the_keys(hasty: Activated, asker: Sandbox) -> None:
    hasty.edit("libexec/forage-api-keys", "#!/bin/sh\nexit 1\n")
    before = inode(hasty)
    ask_often(asker, f"/agents/claude/keys-{time.time_ns()}", 60)
    hasty.host.wait_for(partial(began_anew, hasty, REFUSED, before), "it has begun anew")
    hasty.host.run("systemctl", "reset-failed")


def test_a_path_is_cut_off_where_it_gets_long(forage: Activated, other: Sandbox) -> None:
    path = f"/proxies/forge/repos/acme/website/{time.time_ns()}-".ljust(1000, "x")
    for more in ("", "x", "x" * 20000):
        assert ask(other, f"http://10.100.0.1{path}{more}")[0] == 200
    write_log(forage.host)
    lines = forage.host.run("grep", "--no-filename", path, f"{AUDIT}/requests.log").stdout
    found = [json.loads(line)["path"] for line in lines.splitlines()]
    assert sorted(found) == [path, f"{path}...", f"{path}..."]


def limit_files(forage: Activated, pids: list[str], size: int) -> None:
    """Have files be no larger that these processes of its user write."""
    for pid in pids:
        argv = ("prlimit", f"--pid={pid}", f"--fsize={size}:")
        forage.host.run("runuser", "-u", "forage-api", "--", *argv)


def test_it_gets_no_longer_than_its_limit(forage: Activated, asker: Sandbox) -> None:
    show = ("systemctl", "show", "--property=LimitFSIZE", "--value", "forage-api.service")
    most = int(forage.host.run(*show).stdout)
    # Of each log the one that is written, and older ones that were as long.
    assert most * sum(AUDIT_LOGS.values()) <= forage.plan.audit_max
    path = f"/agents/claude/much-{time.time_ns()}"
    ask_often(asker, path, 1)
    write_log(forage.host)
    limit = sizes(forage)[REFUSED] + 10000
    main = forage.host.run("cat", "/run/forage-api/pid").stdout.strip()
    workers = forage.host.run("pgrep", "--parent", main).stdout.split()
    try:
        limit_files(forage, workers, limit)
        ask_often(asker, path, 100)  # nobody notices
        kept = logged(forage, path)
        assert 0 < len(kept) < 50
        assert sizes(forage)[REFUSED] <= limit
        assert REFUSED in forage.host.journal("forage-api.service")
    finally:
        limit_files(forage, workers, most)
    before = inode(forage)
    forage.host.run("systemctl", "start", "forage-api-rotate@refused.service")
    forage.host.wait_for(partial(began_anew, forage, REFUSED, before), "it has begun anew")
    ask_often(asker, f"{path}-again", 5)
    assert len(logged(forage, f"{path}-again")) == 5


@pytest.mark.parametrize("how", ["reload", "restart"])
def test_what_ends_nginx_loses_no_line(forage: Activated, asker: Sandbox, how: str) -> None:
    path = f"/agents/claude/{how}-{time.time_ns()}"
    ask_often(asker, path, 20)
    forage.host.run("systemctl", how, "forage-api.service")
    forage.host.wait_for(lambda: len(logged(forage, path)) == 20, "all of it is there")


def ctl(forage: Activated, *argv: str) -> Completed:
    program = "/etc/forage/tree/libexec/forage-ctl"
    return forage.host.run(program, "proxy", *argv, check=False)


def test_forage_ctl_says_what_a_sandbox_has_asked(
    forage: Activated, asker: Sandbox, other: Sandbox
) -> None:
    begun = time.time()
    time.sleep(0.1)
    for sandbox, times in ((asker, 3), (other, 1), (asker, 2)):
        ask_often(sandbox, "/agents/claude/told", times)
    assert post(asker)[0] == 200
    write_log(forage.host)

    done = ctl(forage, "asker", "--json", f"--since=@{begun}")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["path"].rpartition("/")[2] for line in lines] == [*"01201", "messages"]
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
