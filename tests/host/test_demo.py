"""The README's example runs as it is: each sandbox, on guests that start as NixOS does."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.host.demo import DEMO
from tests.host.probes import (
    REFUSED,
    fetch,
    files_with,
    has_marker,
    is_no_mount,
    leave_marker,
    look_up,
    processes_with,
)
from tests.host.verify import units, verify

if TYPE_CHECKING:
    from pathlib import Path

    from tests.host.activate import Activated
    from tests.testhost.host import Completed

pytestmark = pytest.mark.host

SANDBOXES = ("backend", "research", "review", "website")
WITH_AGENT = ("backend", "website")
WITHOUT_AGENT = ("research", "review")

WRAPPER = "/opt/forage/bin/claude"
KEY = "key-of-anthropic"
# Matches the key and not itself: the commands of these tests are in the journal, too.
PATTERN = "key-of-anthropi[c]"

each_sandbox = pytest.mark.parametrize("name", SANDBOXES)


def as_owner(demo: Activated, name: str, script: str) -> Completed:
    """Run a script on the host, as the owner, in the sandbox's workspace."""
    workspace = demo.sandbox(name).workspace.source
    argv = ("runuser", "-u", demo.plan.owner.name, "--", "sh", "-euc")
    return demo.host.run(*argv, f"cd {workspace}; {script}")


def store_path(demo: Activated, path: str) -> str:
    """Where a link on the host leads: into its Nix store."""
    target = demo.host.run("readlink", "-e", path).stdout.strip()
    assert target.startswith("/nix/store/")
    demo.host.run("nix-store", "--check-validity", target)
    return target


# -- the whole ---------------------------------------------------------------------


def test_these_are_all_of_its_sandboxes(demo: Activated) -> None:
    assert sorted(sandbox.name for sandbox in demo.plan.sandboxes) == list(SANDBOXES)


def test_what_is_activated_is_what_the_build_wrote(demo: Activated, tmp_path: Path) -> None:
    tree = demo.host.root / store_path(demo, "/etc/forage/tree").lstrip("/")
    copy = tmp_path / "tree"
    subprocess.run(["cp", "-r", tree, copy], check=True)
    subprocess.run(["chmod", "-R", "u+w", copy], check=True)  # the store takes that away
    command = [sys.executable, "-m", "forage_gen", "check", str(DEMO), "-o", str(copy)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_systemd_finds_nothing_to_say_about_its_units(demo: Activated) -> None:
    names = units(demo.plan)
    assert {f"systemd-nspawn@{name}.service" for name in SANDBOXES} <= set(names)
    assert {f"forage-prepare@{name}.service" for name in SANDBOXES} <= set(names)
    assert "forage-link@website.service" in names
    assert {f"forage-reset@{name}.service" for name in SANDBOXES} <= set(names)
    assert "forage-resolver@claude.service" in names
    assert verify(demo.host, names) == ""


def test_it_would_say_what_is_wrong(demo: Activated) -> None:
    unit = "systemd-nspawn@website.service"
    directory = f"/run/systemd/system/{unit}.d"
    demo.host.write(f"{directory}/wrong.conf", "[Service]\nMemoryMaximum=1G\n")
    said = verify(demo.host, [unit])
    demo.host.run("rm", "-r", directory)
    assert "Unknown key 'MemoryMaximum'" in said


def test_the_host_starts_what_it_should(demo: Activated) -> None:
    demo.stop_all()
    demo.host.run("systemctl", "enable", "--now", "forage.target")
    assert [name for name in SANDBOXES if demo.active(name)] == ["website"]
    timers = json.loads(demo.host.run("systemctl", "list-timers", "--output=json").stdout)
    mine = {timer["unit"] for timer in timers if timer["unit"].startswith("forage-")}
    assert mine == {
        "forage-api-watch.timer",
        "forage-mend.timer",
        "forage-reset@website.timer",
    }


def test_all_of_it_runs_at_once(demo: Activated) -> None:
    for name in SANDBOXES:
        demo.running(name)
    assert [demo.host.sandbox(name).state() for name in SANDBOXES] == ["running"] * 4
    assert demo.host.run("systemctl", "is-system-running").stdout == "running\n"


# -- each sandbox --------------------------------------------------------------------


@each_sandbox
def test_the_stock_unit_runs_it(demo: Activated, name: str) -> None:
    demo.running(name)
    unit = demo.property(name, "FragmentPath")
    assert unit == "/usr/lib/systemd/system/systemd-nspawn@.service"
    stock = (demo.host.root / unit.lstrip("/")).read_text()
    cat = demo.host.run("systemctl", "cat", demo.sandbox(name).unit).stdout
    assert [line for line in cat.splitlines() if line.startswith("ExecStart=")] == [
        line for line in stock.splitlines() if line.startswith("ExecStart=")
    ]


@each_sandbox
def test_no_setting_is_ignored(demo: Activated, name: str) -> None:
    story = demo.running(name).journal().lower()
    assert story
    for word in ("ignoring", "unknown key", "unknown section", "failed to parse"):
        assert word not in story


@each_sandbox
def test_its_system_is_the_templates(demo: Activated, name: str) -> None:
    system = store_path(demo, f"/etc/forage/systems/{demo.sandbox(name).template.name}")
    sandbox = demo.running(name)
    assert sandbox.run("readlink", "/sbin/init").stdout == f"{system}/init\n"
    assert sandbox.run("readlink", "/run/current-system").stdout == f"{system}\n"


@each_sandbox
def test_its_host_name_is_its_own(demo: Activated, name: str) -> None:
    assert demo.running(name).run("hostname").stdout == f"{name}\n"


@each_sandbox
def test_the_agent_has_the_owners_numbers(demo: Activated, name: str) -> None:
    owner = demo.plan.owner
    said = demo.running(name).sh("id -u; id -g; id -un; echo ~; test -w ~", user="agent").stdout
    assert said.split() == [str(owner.uid), str(owner.gid), "agent", "/home/agent"]


@each_sandbox
def test_the_agent_finds_the_owners_files(demo: Activated, name: str) -> None:
    as_owner(demo, name, "mkdir -p src; echo code >src/file; chmod 0600 src/file")
    sandbox = demo.running(name)
    seen = sandbox.sh("cd /workspace/src; cat file; stat -c %U:%G file", user="agent")
    assert seen.stdout == "code\nagent:users\n"


@pytest.mark.parametrize("name", ["backend", "research", "website"])
def test_what_the_agent_writes_belongs_to_the_owner(demo: Activated, name: str) -> None:
    demo.running(name).sh("echo text >/workspace/written", user="agent")
    assert as_owner(demo, name, "stat -c %U:%G written").stdout == "alice:users\n"


def test_a_read_only_workspace_is_not_written(demo: Activated) -> None:
    done = demo.running("review").sh("echo x >/workspace/new", user="agent", check=False)
    assert "Read-only file system" in done.stderr


@pytest.mark.parametrize("name", WITH_AGENT)
def test_its_mount_is_there_to_be_read(demo: Activated, name: str) -> None:
    demo.host.run("runuser", "-u", "alice", "--", "sh", "-c", "echo manual >~/docs/manual")
    sandbox = demo.running(name)
    assert sandbox.run("cat", "/workspace/docs/manual", user="agent").stdout == "manual\n"
    done = sandbox.sh("echo x >/workspace/docs/new", user="agent", check=False)
    assert "Read-only file system" in done.stderr


@each_sandbox
def test_the_store_cannot_be_written(demo: Activated, name: str) -> None:
    sandbox = demo.running(name)
    system = store_path(demo, f"/etc/forage/systems/{demo.sandbox(name).template.name}")
    assert sandbox.run("test", "-x", f"{system}/init", user="agent").returncode == 0
    for user in ("root", "agent"):
        for script in ("touch /nix/store/new", f"rm -f {system}/init", f"chmod u+w {system}"):
            done = sandbox.sh(script, user=user, check=False)
            assert "Read-only file system" in done.stderr, script
    remount = ("mount", "-o", "remount,bind,rw", "/nix/store")
    assert "permission denied" in sandbox.run(*remount, check=False).stderr
    demo.host.run("nix-store", "--verify-path", system)


@each_sandbox
def test_it_reads_what_it_may_do(demo: Activated, name: str) -> None:
    template = demo.sandbox(name).template.name
    sandbox = demo.running(name)
    said = sandbox.run("cat", "/etc/forage.json", user="agent").stdout
    assert said == demo.host.run("cat", f"/etc/forage/tree/guests/{template}/forage.json").stdout
    assert json.loads(said)["template"] == template
    assert sandbox.sh("echo >/etc/forage.json", check=False).returncode


@each_sandbox
def test_the_trees_guest_files_are_in_place(demo: Activated, name: str) -> None:
    etc = f"/etc/forage/tree/guests/{demo.sandbox(name).template.name}/root/etc"
    files = demo.host.run("find", f"{etc}/", "-type", "f", "-printf", "%P\\n").stdout.split()
    assert {"gitconfig", "resolv.conf"} <= set(files)
    sandbox = demo.running(name)
    for file in files:
        there = sandbox.run("cat", f"/etc/{file}", user="agent").stdout
        assert there == demo.host.run("cat", f"{etc}/{file}").stdout


@each_sandbox
def test_a_start_is_fresh_and_keeps_the_workspace(demo: Activated, name: str) -> None:
    as_owner(demo, name, "echo work >kept")
    sandbox = demo.running(name)
    leave_marker(sandbox)
    assert has_marker(sandbox)
    demo.stop(name)
    assert not demo.active(name)
    gone = partial(is_no_mount, demo.host, demo.sandbox(name).root)
    demo.host.wait_for(gone, "no root")
    sandbox = demo.running(name)
    assert not has_marker(sandbox)
    assert sandbox.run("cat", "/workspace/kept", user="agent").stdout == "work\n"
    shown = sandbox.run("findmnt", "--noheadings", "--output=FSTYPE,SIZE", "/").stdout
    assert shown.split() == ["tmpfs", "2G"]


# -- the agent -----------------------------------------------------------------------


@pytest.mark.parametrize("name", WITH_AGENT)
def test_the_agent_is_its_wrapper_and_asks_the_proxy(demo: Activated, name: str) -> None:
    sandbox = demo.running(name)
    shell = ("bash", "--login", "-c")
    assert sandbox.run(*shell, "type -P claude", user="agent").stdout == f"{WRAPPER}\n"
    # Python stands for Claude Code. What it may not ask needs no API to answer.
    ask = """
import os, urllib.error, urllib.request
try:
    urllib.request.urlopen(os.environ["ANTHROPIC_BASE_URL"] + "/v1/files", timeout=10)
except urllib.error.HTTPError as error:
    print(error.code, "not allowed" in error.read().decode())
"""
    assert sandbox.run(WRAPPER, "-c", ask, user="agent").stdout == "403 True\n"


@pytest.mark.parametrize("name", WITH_AGENT)
def test_nobody_has_the_key_in_its_environment(demo: Activated, name: str) -> None:
    sandbox = demo.running(name)
    found, _ = processes_with(sandbox, PATTERN, WRAPPER)  # test_secrets.py has the control
    assert found == []
    assert KEY not in sandbox.run("bash", "--login", "-c", "env", user="agent").stdout
    assert sandbox.run("ls", "/run/secrets", check=False).returncode


def test_no_file_of_the_host_has_the_key_but_where_it_belongs(demo: Activated) -> None:
    """Among them what Nix built the tree and the guests of, and with."""
    name, *_ = WITH_AGENT
    demo.running(name)
    found = files_with(demo.host, PATTERN)
    assert found == ["/run/forage-api-keys/anthropic.conf", "/run/secrets/anthropic-api-key"]
    # The control: the derivations and the guests' expressions were looked through.
    assert any(path.endswith(".drv") for path in files_with(demo.host, "claud[e]"))


@pytest.mark.parametrize("name", WITHOUT_AGENT)
def test_without_an_agent_there_is_no_key(demo: Activated, name: str) -> None:
    sandbox = demo.running(name)
    assert sandbox.run("bash", "--login", "-c", "type -P claude", check=False).returncode
    assert sandbox.run("ls", "/run/secrets", check=False).returncode


@pytest.mark.parametrize("name", WITH_AGENT)
def test_init_commands_run_in_the_workspace(demo: Activated, name: str) -> None:
    demo.stop(name)
    as_owner(demo, name, "rm -f npm-was-run")
    demo.running(name)
    said = as_owner(demo, name, "cat npm-was-run; stat -c %U:%G npm-was-run").stdout
    assert said == "npm install --no-audit\nalice:users\n"


# -- the network ---------------------------------------------------------------------


def test_none_has_nothing_but_loopback(demo: Activated) -> None:
    review = demo.running("review")
    assert review.run("ls", "/sys/class/net").stdout == "lo\n"
    assert review.run("ip", "route").stdout == ""
    assert fetch(review, "198.18.1.15") == REFUSED


@pytest.mark.parametrize("name", WITH_AGENT)
def test_restricted_reaches_what_is_listed(demo: Activated, name: str) -> None:
    sandbox = demo.running(name)
    assert fetch(sandbox, "registry.npmjs.org") == "198.18.1.10:80"
    assert look_up(sandbox, "other.example.net") == []
    assert fetch(sandbox, "198.18.1.15") == REFUSED
    assert fetch(sandbox, "192.168.1.20:8080") == REFUSED


def test_full_reaches_the_internet_and_one_local_service(demo: Activated) -> None:
    research = demo.running("research")
    assert fetch(research, "other.example.net") == "198.18.1.15:80"
    assert fetch(research, "192.168.1.20:8080") == "192.168.1.20:8080"
    assert fetch(research, "192.168.1.20:8081") == REFUSED
