"""How long a sandbox takes to start, and what it holds when idle, beside other ways to run one.

    python -m benchmarks.start_time

It takes root, and what the tests of the host take: docs/testing.md. Everything runs on one test
host, from the same tree. The ways take turns, so that a load of the machine meets all of them.
For the time of the run it raises the machine's fs.inotify.max_user_instances.
"""

from __future__ import annotations

import json
import os
import pty
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests.host.activate import activate, compile_project, make_owner
from tests.testhost import rootfs
from tests.testhost.host import TestHost

if TYPE_CHECKING:
    from collections.abc import Iterator

ROUNDS = 9
ROUNDS_OF_MANY = 5
MANY = 50
MIB = 1 << 20

# What systems inside watch counts for the host's root, too. NixOS has 524,288 of them.
INOTIFY = Path("/proc/sys/fs/inotify/max_user_instances")
INOTIFY_WANTED = 8192

GUEST = TestHost.guest_rootfs
PLAIN = "/srv/plain"

# The host of the tests, with the other programs.
HOST = rootfs.Recipe("bench", (*rootfs.HOST.packages, "bubblewrap", "podman"), job="host")

TEMPLATES: dict[str, dict[str, object]] = {
    "with-network": {"network": "restricted", "allowedHosts": ["allowed.example.net"]},
    "without-network": {"network": "none"},
}
LIMITS = {"memoryMax": "1G", "tasksMax": 500, "diskMax": "256M"}

# What a plain nspawn is started with to be alike: users of its own, the same /usr, and a word
# when it has booted. Its root is made beforehand.
_NSPAWN = f"""
root={PLAIN}/$1
systemd-run --quiet --collect --unit="$1" --service-type=notify --slice=machine.slice \\
  --property=KillMode=mixed --property=Delegate=yes \\
  --setenv=SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 -- \\
  systemd-nspawn --quiet --keep-unit --boot --settings=no --machine="$1" --directory="$root" \\
    --private-users="$((1000000000 + ${{1#plain-}} * 65536)):65536" \\
    --private-users-ownership=map --bind-ro={GUEST}/usr:/usr:idmap --notify-ready=yes \\
    --private-network --link-journal=no --resolv-conf=off --timezone=off
"""
_PLAIN_ROOT = f"""
for ((number = 0; number < $1; number++)); do
  root={PLAIN}/plain-$number
  mkdir -p "$root"/{{usr/lib,workspace}}
  cp -a {GUEST}/{{bin,lib,lib64,sbin,etc,var}} "$root"
  cp {GUEST}/usr/lib/os-release "$root/usr/lib"
done
cp -a {GUEST} {PLAIN}/podman
"""
# Without a user namespace: as root, and where the host is a container itself, it makes none.
_BWRAP = f"""exec bwrap --unshare-ipc --unshare-pid --unshare-net --unshare-uts --unshare-cgroup \\
  --die-with-parent --ro-bind {GUEST}/usr /usr --symlink usr/bin /bin --symlink usr/lib /lib \\
  --symlink usr/lib64 /lib64 --ro-bind {GUEST}/etc /etc --proc /proc --dev /dev --tmpfs /tmp -- \\
  setpriv --reuid=1000 --regid=100 --clear-groups --"""
_PODMAN = f"""exec podman --log-level=error run --rm --network=none --user=1000:100 {{}} \\
  --rootfs {PLAIN}/podman"""


@dataclass(frozen=True)
class Way:
    """One way to run something apart: shell scripts that take the name of an instance.

    Attributes:
        name: What the table calls it.
        instances: The names of its instances; the first is the one that is timed.
        start: Starts an instance that stays; empty where there is none but a command.
        prompt: Then shows the agent's prompt on the terminal.
        once: Then runs a command as the agent.
        stay: Has an instance stay, idle, as a unit of this name.
        stop: Stops an instance.
    """

    name: str
    instances: list[str]
    start: str
    prompt: str
    once: str
    stay: str
    stop: str

    def unit(self, instance: str) -> str:
        """The unit that an idle instance is."""
        return f"systemd-nspawn@{instance}" if self.name.startswith("Forage") else instance


def booted(name: str, instances: list[str], start: str, stop: str) -> Way:
    """A machine with a system inside."""
    return Way(
        name,
        instances,
        start,
        'exec machinectl --quiet shell "agent@$1"',
        'exec systemd-run --quiet --machine="$1" --uid=agent --pipe --wait true',
        start,
        stop,
    )


def bare(name: str, prefix: str, command: str, *, terminal: str = "", stay: str = "") -> Way:
    """A command without a system around it, and what it takes to have a terminal, and to stay."""
    return Way(
        name,
        [f"{prefix}-{number}" for number in range(MANY)],
        "",
        command.format(terminal) + " bash --norc",
        command.format("") + " true",
        # What ends at once is killed: as process 1 of a namespace, sleep hears no other signal.
        "systemd-run --quiet --collect --slice=machine.slice --unit=$1"
        " --property=KillSignal=SIGKILL -- bash -c "
        f"'{command.format(stay)} sleep infinity'",
        'systemctl stop "$1"',
    )


def ways() -> list[Way]:
    """All that are compared."""
    forage = "systemctl start systemd-nspawn@$1", "systemctl stop systemd-nspawn@$1"
    return [
        booted("Forage, with a network", names("with-network"), *forage),
        booted("Forage, without one", names("without-network"), *forage),
        booted(
            "systemd-nspawn --boot",
            [f"plain-{number}" for number in range(MANY)],
            _NSPAWN,
            'systemctl stop "$1"',
        ),
        bare(
            "podman run",
            "podman",
            _PODMAN,
            terminal="--interactive --tty",
            stay="--cgroups=disabled",  # it stays in its unit, so that it can be measured
        ),
        bare("bwrap", "bwrap", _BWRAP),
    ]


def names(template: str) -> list[str]:
    """The sandboxes of a template."""
    return [f"{template}-{number:02}" for number in range(MANY)]


def project(directory: Path) -> Path:
    """A project with many sandboxes of each template."""
    common: dict[str, object] = {"rootfs": GUEST, "nixDaemon": False, "resourceLimits": LIMITS}
    content = {
        "user": "alice",
        "externalInterface": "wan0",
        "templates": {name: {**common, **template} for name, template in TEMPLATES.items()},
        "sandboxes": {
            name: {"template": template, "workspace": f"~/projects/{name}"}
            for template in TEMPLATES
            for name in names(template)
        },
    }
    (directory / "forage.json").write_text(json.dumps(content), encoding="utf-8")
    return directory


@contextmanager
def many_watchers() -> Iterator[None]:
    """Let many systems run at once on this machine."""
    before = INOTIFY.read_text(encoding="ascii")
    if int(before) < INOTIFY_WANTED:
        INOTIFY.write_text(str(INOTIFY_WANTED), encoding="ascii")
    try:
        yield
    finally:
        INOTIFY.write_text(before, encoding="ascii")


@contextmanager
def prepared() -> Iterator[TestHost]:
    """The host, with the project and the trees, and nothing started."""
    with tempfile.TemporaryDirectory() as directory, many_watchers(), TestHost(recipe=HOST) as host:
        host.write("/etc/resolv.conf", "nameserver 198.18.0.53\n")
        plan = compile_project(project(Path(directory)))
        make_owner(host, plan)
        activate(host, plan)
        host.sh(_PLAIN_ROOT, str(MANY), timeout=300)
        yield host


def until_prompt(host: TestHost, way: Way, instance: str) -> float:
    """Seconds from the command to the agent's prompt on a terminal."""
    ours, theirs = pty.openpty()
    script = f"{way.start}\n{way.prompt}"
    command = host.command("bash", "-euc", script, "bash", instance, env={"TERM": "dumb"})
    began = time.perf_counter()
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    ) as client:
        os.close(theirs)
        seen = b""
        while not seen.rstrip(b" ").endswith(b"$"):
            try:
                seen += os.read(ours, 4096)
            except OSError:
                sys.exit(f"{way.name} showed no prompt: {seen.decode(errors='replace')}")
        took = time.perf_counter() - began
        client.kill()
        os.close(ours)
    if way.start:
        host.sh(way.stop, instance)
    return took


def until_done(host: TestHost, way: Way, instance: str) -> float:
    """Seconds from the command to the end of a program that the agent has run."""
    began = time.perf_counter()
    host.sh(f"{way.start}\n{way.once}", instance)
    took = time.perf_counter() - began
    if way.start:
        host.sh(way.stop, instance)
    return took


class Memory(NamedTuple):
    """What an idle instance holds, in MiB, on average.

    Attributes:
        charged: What its control group is charged with: files in memory, and what is cached.
        shared: Of its processes; what several share is counted in parts (PSS).
    """

    charged: float
    shared: float


def memory(host: TestHost, way: Way, instances: list[str]) -> Memory:
    """Look at idle instances."""
    script = """
        for unit; do
          systemctl show --property=MemoryCurrent --value "$unit"
          group=$(systemctl show --property=ControlGroup --value "$unit")
          hierarchy=/sys/fs/cgroup
          [[ ! -d $hierarchy/systemd ]] || hierarchy+=/systemd
          find "$hierarchy$group" -name cgroup.procs -exec cat {} + | while read -r process; do
            sed -n 's/^Pss: *\\([0-9]*\\) kB/\\1/p' "/proc/$process/smaps_rollup"
          done | jq --slurp add
        done
    """
    numbers = host.sh(script, *map(way.unit, instances), timeout=300).stdout.split()
    charged, shared = numbers[::2], numbers[1::2]
    count = len(instances)
    return Memory(sum(map(int, charged)) / MIB / count, sum(map(int, shared)) / 1024 / count)


class Row(NamedTuple):
    """What was measured of a way while so many ran, the timed one among them."""

    prompt: float
    once: float
    memory: Memory


def stay(host: TestHost, way: Way, instances: list[str]) -> None:
    """Start instances that stay, and give them time to come to rest."""
    for instance in instances:
        host.sh(way.stay, instance, timeout=300)
    time.sleep(2)


def leave(host: TestHost, way: Way, instances: list[str]) -> None:
    """Stop what has stayed."""
    for instance in instances:
        host.sh(way.stop, instance, timeout=300)
    time.sleep(2)


def one(host: TestHost, measured: list[Way]) -> dict[str, Row]:
    """Each way alone, in turns."""
    prompts: dict[str, list[float]] = {way.name: [] for way in measured}
    onces: dict[str, list[float]] = {way.name: [] for way in measured}
    for turn in range(-1, ROUNDS):
        for way in measured:
            times = (
                until_prompt(host, way, way.instances[0]),
                until_done(host, way, way.instances[0]),
            )
            if turn >= 0:  # the first finds cold caches
                prompts[way.name].append(times[0])
                onces[way.name].append(times[1])
            # systemd rests from mount units when the mount table changes often.
            time.sleep(1.2)
    rows = {}
    for way in measured:
        stay(host, way, way.instances[:1])
        held = memory(host, way, way.instances[:1])
        leave(host, way, way.instances[:1])
        rows[way.name] = Row(
            statistics.median(prompts[way.name]), statistics.median(onces[way.name]), held
        )
    return rows


def many(host: TestHost, way: Way) -> Row:
    """One way, while all others of its kind run."""
    first, *others = way.instances
    stay(host, way, others)
    prompts, onces = [], []
    for _ in range(ROUNDS_OF_MANY):
        prompts.append(until_prompt(host, way, first))
        time.sleep(1.2)
        onces.append(until_done(host, way, first))
        time.sleep(1.2)
    stay(host, way, [first])
    held = memory(host, way, way.instances)
    leave(host, way, way.instances)
    return Row(statistics.median(prompts), statistics.median(onces), held)


def show(title: str, rows: dict[str, Row]) -> None:
    """Print a table of benchmarks/README.md."""
    plain = rows["systemd-nspawn --boot"].prompt
    print(f"\n{title}\n")
    print("| | prompt | one command | by nspawn | memory charged | PSS |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, row in rows.items():
        print(
            f"| {name} | {row.prompt:.2f} s | {row.once:.2f} s | {row.prompt / plain:.2f}"
            f" | {row.memory.charged:.1f} MiB | {row.memory.shared:.1f} MiB |"
        )


def main() -> None:
    """Print what benchmarks/README.md has."""
    if os.geteuid():
        sys.exit("it takes root")
    with suppress(KeyboardInterrupt), prepared() as host:
        show("1 running", one(host, ways()))
        show(f"{MANY} running", {way.name: many(host, way) for way in ways()})


if __name__ == "__main__":
    main()
