"""A real systemd host in a container, to activate generated files on.

    with TestHost() as host:
        host.sh("systemctl start systemd-nspawn@sb1")
        host.sandbox("sb1").run("id")

How it is built and what it can show: docs/testing.md.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import time
import uuid
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tests.testhost import rootfs
from tests.testhost.state import Process, Record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType
    from typing import Self

HERE = Path(__file__).parent
NAMESPACES = ("--mount", "--uts", "--ipc", "--pid", "--net")
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
}
BOOT_TIMEOUT = 60.0
TIMEOUT = 60.0

Completed = subprocess.CompletedProcess[str]


class HostError(Exception):
    """The host, or something on it, did not do what was asked of it."""


class TestHost:
    """One test host: made by `prepare`, started by `boot`, gone after `down`.

    As a context manager it does all three. To write files before the host boots,
    call `prepare` first and enter it then.
    """

    __test__ = False  # the name is no test case's
    guest_rootfs = "/var/lib/forage/guests/trixie"

    def __init__(self, name: str | None = None, recipe: rootfs.Recipe = rootfs.HOST) -> None:
        self._record = Record.new(name)
        self._recipe = recipe
        self._launcher: subprocess.Popen[bytes] | None = None
        self._ours = False

    @classmethod
    def attach(cls, name: str) -> TestHost:
        """The host of that name, which an earlier process left running."""
        record = Record.load(name)
        if record is None:
            message = f"no test host {name!r} is running"
            raise HostError(message)
        host = cls(name)
        host._record = record
        host._ours = True
        return host

    def __enter__(self) -> Self:
        try:
            self.prepare()
            self.boot()
        except BaseException:
            self.down()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.down()

    # -- coming and going ------------------------------------------------------

    def prepare(self) -> None:
        """Make its disk: a copy of the host's tree but for /usr. Once is enough.

        /usr is most of the tree, and nothing of a host's own but /usr/local is in it,
        so all hosts share that, read-only.
        """
        if self._ours:
            return
        if not self._record.claim():
            message = f"test host {self._record.name!r} is there already"
            raise HostError(message)
        self._ours = True
        self._record.disk.mkdir(mode=0o755)
        with rootfs.obtain(self._recipe) as tree:
            _copy_own_part(tree.path, self._record.root)
        # An empty id would make this a "first boot", on which systemd enables
        # every unit that its presets name.
        (self.root / "etc/machine-id").write_text(f"{uuid.uuid4().hex}\n")
        (self.root / "etc/hostname").write_text("testhost\n")
        (self.root / "etc/hosts").write_text("127.0.0.1 localhost testhost\n::1 localhost\n")

    def boot(self, *, detach: bool = False) -> None:
        """Start it, and return when all of its units are up.

        It dies with the calling thread, unless it is detached.
        """
        self._record.cgroups.create()
        with rootfs.obtain(self._recipe) as tree, rootfs.obtain(rootfs.GUEST) as guest:
            self._launcher = subprocess.Popen(
                self._boot_command(tree.path, guest.path, detach=detach),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for the tests, which take it down in order
                pass_fds=(tree.fd, guest.fd),  # the running host shares the hold on the trees
            )
        self._find_leader(detach=detach)
        self._await_running()

    def _boot_command(self, tree: Path, guest: Path, *, detach: bool) -> list[str]:
        cgroups = self._record.cgroups
        inside = [
            *("unshare", *NAMESPACES, "--fork", "--kill-child=SIGKILL", "--"),
            *("bash", str(HERE / "join.sh"), *map(str, cgroups.directories), "--"),
            *("unshare", "--cgroup", "--", "bash", str(HERE / "boot.sh")),
            *(str(self._record.root), str(tree / "usr"), str(guest), *cgroups.hierarchies),
        ]
        # systemd writes to its console only if that is a terminal; script(1) is one
        # with a file behind it.
        command = f"exec {shlex.join(inside)}"
        console = ("script", "--quiet", "--flush", "--return", "--command", command)
        tie = () if detach else ("setpriv", "--pdeathsig", "KILL", "--")
        return [*tie, *console, str(self._record.console)]

    def _find_leader(self, *, detach: bool) -> None:
        """Wait for process 1 of the new namespaces, and write it down."""
        launcher = self._launcher
        assert launcher is not None
        deadline = time.monotonic() + BOOT_TIMEOUT
        while (leader := _first_process_below(launcher.pid)) is None:
            if launcher.poll() is not None or time.monotonic() > deadline:
                raise HostError(self._explain("the host did not start"))
            time.sleep(0.01)
        self._record = replace(
            self._record, leader=leader, owner=leader if detach else self._record.owner
        )
        self._record.save()

    def _await_running(self) -> None:
        deadline = time.monotonic() + BOOT_TIMEOUT
        state = "starting"
        while time.monotonic() < deadline and self._leader.alive:
            # The namespaces fill while boot.sh works: an early call may find nothing.
            state = self.run("systemctl", "is-system-running", check=False).stdout.strip()
            if state == "running":
                return
            if state in {"degraded", "maintenance"}:
                break
            time.sleep(0.05)
        raise HostError(self._explain(f"the host did not come up: {state or 'no answer'}"))

    def reboot(self, *, crash: bool = False) -> None:
        """Power it off in order, or in a crash, and boot it again from the same disk."""
        leader = self._leader
        if not crash:
            self.run("systemctl", "poweroff", check=False)
            deadline = time.monotonic() + BOOT_TIMEOUT
            while leader.alive and time.monotonic() < deadline:
                time.sleep(0.05)
            if leader.alive:
                raise HostError(self._explain("the host did not power off"))
        self._record.kill()
        if self._launcher is not None:
            _end(self._launcher)
        self._record.cgroups.remove()
        self._record = replace(self._record, leader=None)
        self.boot()

    def down(self) -> None:
        """Kill it, and remove all there is of it. Can be called at any time, and again."""
        if not self._ours:
            return
        self._record.kill()
        if self._launcher is not None:
            _end(self._launcher)
            self._launcher = None
        self._record.clear()
        self._ours = False

    # -- looking at it ---------------------------------------------------------

    @property
    def name(self) -> str:
        """What this machine knows it by."""
        return self._record.name

    @property
    def root(self) -> Path:
        """Its root as seen from outside, for reading and writing files.

        From boot on it shows what the host sees, /run and other mounts included.
        Absolute links in it lead out of it: name files by their real paths.
        """
        if self._record.leader is None:
            return self._record.root
        return Path(f"/proc/{self._record.leader.pid}/root")

    @property
    def console(self) -> str:
        """What it has written on its console."""
        return self._record.console.read_text(errors="replace")

    @property
    def leader(self) -> int:
        """The number that its process 1 has on this machine."""
        return self._leader.pid

    @property
    def running(self) -> bool:
        """Whether its systemd lives."""
        return self._record.leader is not None and self._record.leader.alive

    @property
    def _leader(self) -> Process:
        if self._record.leader is None:
            message = "the test host has not been booted"
            raise HostError(message)
        return self._record.leader

    def journal(self, unit: str) -> str:
        """What the unit and systemd on its behalf logged in this boot."""
        return self.run("journalctl", "--boot", "--no-pager", "--quiet", f"--unit={unit}").stdout

    # -- acting on it ----------------------------------------------------------

    def write(self, path: str, text: str, *, mode: int = 0o644) -> None:
        """Put a file into it, with its directories, before or after boot."""
        target = self.root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        target.chmod(mode)

    def command(self, *argv: str, env: Mapping[str, str] | None = None) -> list[str]:
        """The command of this machine that runs argv on the host as its root.

        It enters the host's namespaces and control group. It stays a child of the
        caller, with the caller's capabilities and without any system call filter.
        That is right for an administrator's commands. It proves nothing about what
        a unit or a sandbox may do: use `unit` and `sandbox` for that.
        """
        leader = str(self.leader)
        words = [f"{key}={value}" for key, value in {**ENVIRONMENT, **(env or {})}.items()]
        return [
            *("bash", str(HERE / "join.sh"), *map(str, self._record.cgroups.for_commands), "--"),
            *("nsenter", "--target", leader, *NAMESPACES, "--cgroup", "--"),
            *("env", "--ignore-environment", "--chdir=/", *words, *argv),
        ]

    def run(
        self,
        *argv: str,
        check: bool = True,
        input: str | None = None,  # noqa: A002  # as in subprocess.run
        timeout: float = TIMEOUT,
        env: Mapping[str, str] | None = None,
    ) -> Completed:
        """Run an administrator's command on the host. See `command` for what that means."""
        done = _run(self.command(*argv, env=env), input=input, timeout=timeout)
        if done is None:
            raise HostError(self._explain(f"no end after {timeout} s: {shlex.join(argv)}"))
        done.args = list(argv)
        if check and done.returncode:
            raise HostError(self._explain(_describe(done)))
        return done

    def sh(
        self,
        script: str,
        *arguments: str,
        check: bool = True,
        input: str | None = None,  # noqa: A002  # as in subprocess.run
        timeout: float = TIMEOUT,
        env: Mapping[str, str] | None = None,
    ) -> Completed:
        """Run a bash script on the host; its first failing command ends it."""
        argv = ("bash", "-euo", "pipefail", "-c", script, "bash", *arguments)
        return self.run(*argv, check=check, input=input, timeout=timeout, env=env)

    def unit(
        self,
        *argv: str,
        properties: Sequence[str] = (),
        check: bool = True,
        input: str | None = None,  # noqa: A002  # as in subprocess.run
        timeout: float = TIMEOUT,
    ) -> Completed:
        """Run a command as a unit of the host, with all that systemd does to units."""
        words = _systemd_run(argv, properties=properties, timeout=timeout)
        return self.run(*words, check=check, input=input, timeout=timeout)

    def sandbox(self, name: str) -> Sandbox:
        """The sandbox of that name on this host."""
        return Sandbox(self, name)

    def wait_for(
        self,
        condition: Callable[[], object],
        what: str,
        *,
        timeout: float = TIMEOUT,
        every: float = 0.05,
    ) -> None:
        """Wait until the condition holds, or fail with the host's story."""
        deadline = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > deadline:
                raise HostError(self._explain(f"after {timeout} s still not: {what}"))
            time.sleep(every)

    def nix_store_add(self, path: Path) -> str:
        """Copy a file or directory of this machine into the host's Nix store."""
        place = self.root / "tmp" / uuid.uuid4().hex / path.name
        place.parent.mkdir()
        try:
            subprocess.run(["cp", "-a", str(path), str(place)], check=True)
            inside = f"/{place.relative_to(self.root)}"
            return self.run("nix-store", "--add", inside).stdout.strip()
        finally:
            shutil.rmtree(place.parent)

    # -- telling what went wrong -------------------------------------------------

    def _explain(self, what: str) -> str:
        """What happened, with the end of the console log and of failed units' journals."""
        parts = [what]
        with suppress(FileNotFoundError):
            parts += ["--- console", *self.console.splitlines()[-25:]]
        if self.running:
            parts += self._failed_units()
        return "\n".join(parts)

    def _failed_units(self) -> list[str]:
        script = """
            systemctl list-units --failed --plain --no-legend | while read -r unit _; do
              echo "--- journal of $unit"
              journalctl --boot --no-pager --quiet --lines=25 --unit="$unit"
            done
        """
        done = _run(self.command("bash", "-c", script), timeout=10)
        return done.stdout.splitlines() if done else []


class Sandbox:
    """A machine that runs on the host, looked at from within."""

    def __init__(self, host: TestHost, name: str) -> None:
        self._host = host
        self.name = name

    def run(
        self,
        *argv: str,
        user: str | None = None,
        properties: Sequence[str] = (),
        check: bool = True,
        input: str | None = None,  # noqa: A002  # as in subprocess.run
        timeout: float = TIMEOUT,
    ) -> Completed:
        """Run a command as a unit of the sandbox, so that all that fences it holds."""
        words = _systemd_run(
            argv, machine=self.name, user=user, properties=properties, timeout=timeout
        )
        return self._host.run(*words, check=check, input=input, timeout=timeout)

    def sh(self, script: str, *, user: str | None = None, check: bool = True) -> Completed:
        """Run a shell script as a unit of the sandbox."""
        return self.run("/bin/sh", "-euc", script, user=user, check=check)

    def await_running(self, *, timeout: float = 2 * TIMEOUT) -> None:
        """Wait until the sandbox's own systemd has started all of its units."""
        self._host.wait_for(
            lambda: self.state() == "running", f"sandbox {self.name} is running", timeout=timeout
        )

    def state(self) -> str:
        """What the sandbox's systemd says of itself; empty while it does not answer."""
        # `is-system-running --wait` often hangs right after the start, hence polling.
        argv = ("systemctl", f"--machine={self.name}", "is-system-running")
        return self._host.run(*argv, check=False).stdout.strip()

    def journal(self) -> str:
        """What the host logged for the sandbox's unit."""
        return self._host.journal(f"systemd-nspawn@{self.name}.service")


def _systemd_run(
    argv: Sequence[str],
    *,
    timeout: float,
    properties: Sequence[str],
    machine: str | None = None,
    user: str | None = None,
) -> list[str]:
    return [
        *("systemd-run", "--quiet", "--wait", "--pipe", "--collect", "--service-type=exec"),
        "--expand-environment=no",  # or systemd would take "$x" for its own
        f"--property=RuntimeMaxSec={timeout + 1}",  # the unit outlives a client that gives up
        *([f"--machine={machine}"] if machine else []),
        *([f"--uid={user}"] if user else []),
        *(f"--property={p}" for p in properties),
        *("--", *argv),
    ]


def _run(
    command: list[str],
    *,
    timeout: float,
    input: str | None = None,  # noqa: A002  # as in subprocess.run
) -> Completed | None:
    """Like subprocess.run, but a time out kills what the command started, too."""
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL if input is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        try:
            out, err = process.communicate(input, timeout)
        except subprocess.TimeoutExpired:
            _kill_group(process)
            return None
        except BaseException:
            _kill_group(process)
            raise
        return subprocess.CompletedProcess(command, process.returncode, out, err)


def _end(launcher: subprocess.Popen[bytes]) -> None:
    """See the launcher off: without a process 1 it has nothing more to do."""
    with suppress(subprocess.TimeoutExpired):
        launcher.wait(2)
    _kill_group(launcher)  # it may never have got as far as a process 1


def _kill_group(process: subprocess.Popen[str] | subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _describe(done: Completed) -> str:
    return "\n".join(
        [f"status {done.returncode}: {shlex.join(done.args)}", done.stdout, done.stderr]
    )


def _copy_own_part(tree: Path, root: Path) -> None:
    (root / "usr").mkdir(parents=True)
    own = [str(entry) for entry in tree.iterdir() if entry.name != "usr"]
    subprocess.run(["cp", "-a", *own, str(root)], check=True)
    subprocess.run(["cp", "-a", str(tree / "usr/local"), str(root / "usr")], check=True)


def _first_process_below(pid: int) -> Process | None:
    """The first process below pid that is number 1 of a namespace of its own."""
    with suppress(FileNotFoundError, ProcessLookupError):
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            if _is_first(int(child)):
                return Process.of(int(child))
            if found := _first_process_below(int(child)):
                return found
    return None


def _is_first(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    numbers = next(line for line in status if line.startswith("NSpid:")).split()[1:]
    return len(numbers) > 1 and numbers[-1] == "1"
