"""A reset by the timer waits for who is attached, and nothing inside can make it wait."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest

from forage_gen.emit.emit import emit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.host.activate import Activated
    from tests.testhost.host import Sandbox, TestHost

SHELL = ("machinectl", "--quiet", "shell", "agent@coder")
TMUX = (*SHELL, "/usr/bin/tmux", "attach-session")
RUN = ("systemd-run", "--quiet", "--machine=coder", "--uid=agent", "--pty", "bash")

# What sshd does: it takes port 22, and keeps the connection.
SSHD = """
import socket, time
listening = socket.create_server(("", 22))
print("listening", flush=True)
connections = [listening.accept() for _ in range(9)]
"""


@pytest.fixture
def waiting(forage: Activated) -> Iterator[Activated]:
    """The project with a fresh coder and an impatient reset, none of which waits afterwards."""
    (reset,) = (a for a in emit(forage.plan) if a.path == "libexec/forage-reset")
    text = reset.content.decode()
    assert "\npause=20\n" in text
    forage.edit(reset.path, text.replace("\npause=20\n", "\npause=1\n"))
    coder = forage.fresh("coder")
    coder.run(
        *("systemd-run", "--quiet", "--uid=agent", "--service-type=forking", "--"),
        *("tmux", "new-session", "-d"),
    )
    yield forage
    forage.host.run("systemctl", "stop", "forage-reset@coder.service")


@contextmanager
def attached(host: TestHost, sandbox: Sandbox, *command: str) -> Iterator[None]:
    """A person's terminal on the host, in which the command has begun a shell of the sandbox."""
    ours, theirs = pty.openpty()
    os.set_blocking(ours, False)
    with subprocess.Popen(
        host.command(*command, env={"TERM": "xterm"}),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    ) as client:
        os.close(theirs)

        def begun() -> bool:
            # What is typed before the shell runs may be thrown away, and what is not read may
            # keep it from going on.
            os.write(ours, b"touch /tmp/attached\n")
            with suppress(BlockingIOError):
                os.read(ours, 65536)
            return has_attached(sandbox)

        try:
            host.wait_for(begun, "the shell runs", timeout=60, every=0.5)
            yield
        finally:
            # All of it: nsenter waits for the command, and does not pass a signal on.
            os.killpg(client.pid, signal.SIGKILL)
            os.close(ours)


def has_attached(sandbox: Sandbox) -> bool:
    return sandbox.run("test", "-e", "/tmp/attached", check=False).returncode == 0


def begin(forage: Activated, name: str = "coder") -> str:
    """Start a reset as the timer does; the result is the run of the sandbox that it is to end."""
    run = forage.property(name, "InvocationID")
    forage.host.run("systemctl", "start", "--no-block", f"forage-reset@{name}.service")
    return run


def await_reset(forage: Activated, run: str, name: str = "coder", *, timeout: float = 120) -> None:
    forage.host.wait_for(
        lambda: forage.property(name, "InvocationID") not in {"", run} and forage.active(name),
        f"{name} has been reset",
        timeout=timeout,
    )


def await_story(forage: Activated, word: str) -> None:
    """Wait until the reset says that it waits for somebody, who is named."""
    said = f"sandbox coder does not start afresh yet, attached to it: {word} (process "
    forage.host.wait_for(
        lambda: said in forage.status("forage-reset@coder.service"),
        f"it waits for {word}",
        timeout=60,
    )


@pytest.mark.parametrize(
    ("command", "client"), [(SHELL, "machinectl"), (TMUX, "machinectl"), (RUN, "systemd-run")]
)
def test_a_reset_waits_until_nobody_is_attached(
    waiting: Activated, command: tuple[str, ...], client: str
) -> None:
    coder = waiting.running("coder")
    with attached(waiting.host, coder, *command):
        run = begin(waiting)
        await_story(waiting, client)
        assert waiting.property("coder", "InvocationID") == run
        assert has_attached(coder)
    await_reset(waiting, run)
    assert not has_attached(waiting.running("coder"))


@contextmanager
def connected(forage: Activated, slice: str) -> Iterator[None]:  # noqa: A002  # systemd's word
    """A connection to the sandbox's port 22 from a process of the host in that slice."""
    sandbox = forage.sandbox("coder")
    forage.host.run(
        *("systemd-run", "--quiet", "--machine=coder", "--unit=fake-sshd", "--collect"),
        *("--service-type=exec", "--", "python3", "-c", SSHD),
    )
    story = ("journalctl", "--machine=coder", "--unit=fake-sshd", "--output=cat")
    forage.host.wait_for(
        lambda: "listening" in forage.host.run(*story, check=False).stdout, "it listens", timeout=30
    )
    forage.host.run(
        *("systemd-run", "--quiet", "--collect", "--unit=client", f"--slice={slice}", "--"),
        *("socat", f"TCP:{sandbox.address}:22", "EXEC:sleep infinity"),
    )
    established = ("ss", "-Htn", "state", "established", "dst", str(sandbox.address))
    forage.host.wait_for(
        lambda: forage.host.run(*established).stdout, "the connection is there", timeout=30
    )
    try:
        yield
    finally:
        forage.host.run("systemctl", "stop", "client.service", check=False)


def test_a_reset_waits_for_a_connection_from_somebodys_login(waiting: Activated) -> None:
    with connected(waiting, "user.slice"):
        run = begin(waiting)
        await_story(waiting, "socat")
        assert waiting.property("coder", "InvocationID") == run
    await_reset(waiting, run)


def test_a_reset_waits_for_no_connection_of_a_service(waiting: Activated) -> None:
    # A service may be the nix daemon, which connects to where the agent says.
    with connected(waiting, "system.slice"):
        await_reset(waiting, begin(waiting))


def test_a_reset_waits_for_nothing_that_is_inside(waiting: Activated) -> None:
    coder = waiting.running("coder")
    # A tmux that nobody is attached to any more, other terminals, and those at other places.
    with attached(waiting.host, coder, *TMUX):
        pass
    assert "attached" not in coder.run("tmux", "list-sessions", user="agent").stdout
    coder.run("systemd-run", "--quiet", "--property=StandardInput=tty", "sleep", "infinity")
    coder.sh("mkdir /srv/pts && mount -t devpts none /srv/pts -o ptmxmode=666,newinstance")
    coder.sh("umount --lazy /dev/pts && mv /dev/ptmx /dev/old && ln -s /dev/pts /dev/ptmx || true")
    coder.run("systemd-run", "--quiet", "--service-type=exec", "python3", "-c", SSHD)
    local = "import socket, time; s = socket.create_connection(('127.0.0.1', 22)); time.sleep(999)"
    coder.run("systemd-run", "--quiet", "--service-type=exec", "python3", "-c", local)
    await_reset(waiting, begin(waiting))


def test_a_reset_that_waits_ends_with_its_sandbox(waiting: Activated) -> None:
    coder = waiting.running("coder")
    with attached(waiting.host, coder, *SHELL):
        begin(waiting)
        await_story(waiting, "machinectl")
        waiting.stop("coder")
    show = ("systemctl", "show", "forage-reset@coder.service", "--property=ActiveState", "--value")
    waiting.host.wait_for(
        lambda: waiting.host.run(*show).stdout.strip() == "inactive", "it has ended", timeout=60
    )
    assert not waiting.active("coder")


def test_a_reset_waits_for_nobody_if_it_is_told_so(forage: Activated) -> None:
    research = forage.running("research")
    with attached(forage.host, research, "machinectl", "--quiet", "shell", "agent@research"):
        await_reset(forage, begin(forage, "research"), "research")
    assert not has_attached(forage.running("research"))


def test_a_reset_comes_by_its_timer(forage: Activated) -> None:
    # Once and in a moment, not daily. Everything else is as it was generated.
    host, timer = forage.host, "forage-reset@coder.timer"
    forage.running("coder").sh("touch /tmp/before")
    run = forage.property("coder", "InvocationID")
    soon = host.run("date", "--utc", "--date=3 seconds", "+%F %T UTC").stdout
    drop_in = f"[Timer]\nOnCalendar=\nOnCalendar={soon}AccuracySec=1\n"
    host.write(f"/run/systemd/system/{timer}.d/soon.conf", drop_in)
    try:
        host.run("systemctl", "daemon-reload")
        await_reset(forage, run, timeout=30)
        assert forage.running("coder").run("ls", "/tmp/before", check=False).returncode
    finally:
        host.run("rm", "-r", f"/run/systemd/system/{timer}.d")
        host.run("systemctl", "daemon-reload")
