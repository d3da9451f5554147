"""The harness itself: what it promises, on the machine it runs on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.requirements import TEST_HOST, require
from tests.testhost import rootfs
from tests.testhost.cgroups import BASE
from tests.testhost.host import HostError, TestHost
from tests.testhost.state import DISKS, STATE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.testhost.host import Sandbox
    from tests.testhost.internet import Internet

PROJECT = Path(__file__).parents[2]

# -- the host -------------------------------------------------------------------


def test_boots_to_a_whole_system(host: TestHost) -> None:
    assert host.run("systemctl", "is-system-running").stdout == "running\n"


def test_one_worker_has_all_tests_of_the_host(
    host: TestHost, request: pytest.FixtureRequest
) -> None:
    # With a pytest that it does not know, pytest-xdist silently forms no groups.
    assert host.running
    if not request.config.getoption("loadgroup", default=False):
        pytest.skip("needs --dist loadgroup")
    assert request.node.nodeid.endswith("@hosts of their own")


def test_console_is_recorded(host: TestHost) -> None:
    assert "Welcome to Debian" in host.console


def test_run_gives_output_status_and_input(host: TestHost) -> None:
    done = host.sh(
        'cat; echo "$1 $NAME" >&2; exit 3', "an arg", input="in", env={"NAME": "v"}, check=False
    )
    assert (done.stdout, done.stderr, done.returncode) == ("in", "an arg v\n", 3)


def test_failure_tells_what_was_said_and_which_unit_failed(host: TestHost) -> None:
    host.run(
        "systemd-run", "--unit=doomed", "--wait", "bash", "-c", "echo a sad end; false", check=False
    )
    with pytest.raises(HostError) as caught:
        host.sh("echo last words >&2; exit 4")
    host.run("systemctl", "reset-failed")
    text = str(caught.value)
    assert "status 4" in text
    assert "last words" in text
    assert "a sad end" in text
    assert "--- console" in text


def test_timeout_leaves_no_process_behind(host: TestHost) -> None:
    with pytest.raises(HostError, match="no end after"):
        host.sh("sleep 4711 & sleep 4711", timeout=0.5)
    assert host.run("pgrep", "--full", "sleep 4711", check=False).stdout == ""


def test_files_written_from_outside_are_seen_inside(host: TestHost) -> None:
    host.write("/run/note", "on a tmpfs\n")
    host.write("/srv/note", "on the disk\n", mode=0o600)
    assert host.run("cat", "/run/note", "/srv/note").stdout == "on a tmpfs\non the disk\n"
    assert host.run("stat", "--format=%a %U", "/srv/note").stdout == "600 root\n"


def test_journal_of_a_unit(host: TestHost) -> None:
    host.run("systemd-run", "--unit=talker", "--wait", "echo", "for the record")
    assert "for the record" in host.journal("talker.service")


def test_kernel_settings_of_the_machine_are_out_of_reach(host: TestHost) -> None:
    assert host.sh("echo 1 >/proc/sys/vm/swappiness", check=False).returncode != 0
    assert host.sh("echo 1 >/proc/sys/net/ipv4/ip_forward").returncode == 0


# -- limits: the effect, not the setting --------------------------------------------


def test_memory_limit_kills(host: TestHost) -> None:
    hog = ("python3", "-c", "print(len(bytearray(128 << 20)))")
    assert host.unit(*hog, properties=["MemoryMax=512M"]).stdout == f"{128 << 20}\n"
    limited = ("systemd-run", "--quiet", "--wait", "--unit=hog", "--property=MemoryMax=64M")
    host.run(*limited, *hog, check=False)
    host.run("systemctl", "reset-failed", "hog.service")
    assert "code=killed, status=9/KILL" in host.journal("hog.service")


FORKS = """
import os, time
made = 0
try:
    while made < 60:
        if os.fork() == 0:
            time.sleep(30)
            os._exit(0)
        made += 1
except BlockingIOError:
    pass
print(made, flush=True)
os.killpg(0, 9)
"""


def test_task_limit_stops_forks(host: TestHost) -> None:
    def forks(limit: int) -> int:
        done = host.unit("python3", "-c", FORKS, properties=[f"TasksMax={limit}"], check=False)
        return int(done.stdout)

    assert forks(100) == 60
    assert forks(20) == 19


BURN = """
import time
end = time.monotonic() + 1
while time.monotonic() < end:
    pass
print(time.process_time())
"""


def test_cpu_limit_slows_down(host: TestHost) -> None:
    def cpu_seconds(quota: str) -> float:
        return float(host.unit("python3", "-c", BURN, properties=[f"CPUQuota={quota}"]).stdout)

    assert cpu_seconds("10%") < 0.25 < cpu_seconds("100%")


# -- the store ----------------------------------------------------------------------


def test_store_takes_a_path(host: TestHost, tmp_path: Path) -> None:
    (tmp_path / "thing").mkdir()
    (tmp_path / "thing/file").write_text("kept\n")
    stored = host.nix_store_add(tmp_path / "thing")
    assert stored.startswith("/nix/store/")
    assert stored.endswith("-thing")
    assert host.run("cat", f"{stored}/file").stdout == "kept\n"


# -- a sandbox, as Forage lays one out ------------------------------------------------

SKELETON = r"""
root=/var/lib/machines/sb1
guest=$1
cp -a "$guest/etc" "$guest/var" "$guest/root" "$guest/home" "$root/"
for link in bin sbin lib lib64; do
  if [[ -L $guest/$link ]]; then cp -a "$guest/$link" "$root/"; fi
done
mkdir -p "$root"/{usr/lib,dev,proc,sys,run,tmp,nix/store,nix/var/nix/daemon-socket}
cp "$guest/usr/lib/os-release" "$root/usr/lib/"
"""

MOUNT = """
[Mount]
What=tmpfs
Where=/var/lib/machines/sb1
Type=tmpfs
Options=mode=0755,size=96M
"""

NSPAWN = """
[Exec]
Boot=yes
PrivateUsers=655360:65536
ResolvConf=off
LinkJournal=no
Timezone=off
Hostname=sb1
NoNewPrivileges=yes
[Files]
PrivateUsersOwnership=map
BindReadOnly={guest}/usr:/usr:idmap
BindReadOnly=/nix/store:/nix/store:idmap
Bind=/nix/var/nix/daemon-socket
[Network]
Private=no
"""

DROP_IN = """
[Unit]
RequiresMountsFor=/var/lib/machines/sb1
[Service]
ExecStartPre=/run/sb1/skeleton
NetworkNamespacePath=/run/netns/sb1
MemoryMax=256M
TasksMax=128
"""

NETWORK = """
ip netns add sb1
ip link add tt-1 type veth peer name eth0 netns sb1
ip address add 10.200.0.1/30 dev tt-1
ip link set tt-1 up
ip -n sb1 address add 10.200.0.2/30 dev eth0
ip -n sb1 link set lo up
ip -n sb1 link set eth0 up
ip -n sb1 route add default via 10.200.0.1
echo 1 >/proc/sys/net/ipv4/ip_forward
nft add table ip sb1
nft add chain ip sb1 post '{ type nat hook postrouting priority srcnat; }'
nft add rule ip sb1 post ip saddr 10.200.0.2 oifname wan0 masquerade
"""

AWAY = """
systemctl stop systemd-nspawn@sb1.service var-lib-machines-sb1.mount
rm -r /run/sb1 /run/systemd/nspawn/sb1.nspawn /run/systemd/system/var-lib-machines-sb1.mount \
  /run/systemd/system/systemd-nspawn@sb1.service.d
systemctl daemon-reload
nft delete table ip sb1
ip link delete tt-1
ip netns delete sb1
"""


@pytest.fixture(scope="module")
def sandbox(host: TestHost) -> Iterator[Sandbox]:
    script = f"#!/bin/bash\nset -euo pipefail\nset -- {host.guest_rootfs}\n{SKELETON}"
    host.write("/run/sb1/skeleton", script, mode=0o755)
    host.write("/run/systemd/system/var-lib-machines-sb1.mount", MOUNT)
    host.write("/run/systemd/nspawn/sb1.nspawn", NSPAWN.format(guest=host.guest_rootfs))
    host.write("/run/systemd/system/systemd-nspawn@sb1.service.d/sb1.conf", DROP_IN)
    host.sh(NETWORK)
    host.sh("systemctl daemon-reload; systemctl start systemd-nspawn@sb1.service")
    sandbox = host.sandbox("sb1")
    sandbox.await_running()
    yield sandbox
    host.sh(AWAY)


def test_sandbox_runs_units(sandbox: Sandbox) -> None:
    assert sandbox.run("id", "--user", user="agent").stdout == "1000\n"
    assert sandbox.run("sh", "-c", "exit 7", check=False).returncode == 7
    assert sandbox.sh("echo $((40 + 2)) $0").stdout == "42 /bin/sh\n"


def test_sandbox_has_users_of_its_own(host: TestHost, sandbox: Sandbox) -> None:
    assert sandbox.run("cat", "/proc/self/uid_map").stdout.split() == ["0", "655360", "65536"]
    sandbox.run("touch", "/tmp/mine")
    pid = host.run("machinectl", "show", "--property=Leader", "--value", "sb1").stdout.strip()
    assert host.run("stat", "--format=%u", f"/proc/{pid}/root/tmp/mine").stdout == "655360\n"
    assert sandbox.run("stat", "--format=%u", "/", "/usr", "/etc").stdout == "0\n" * 3


def test_sandbox_root_is_a_small_tmpfs(sandbox: Sandbox) -> None:
    assert sandbox.run("stat", "--file-system", "--format=%T", "/").stdout == "tmpfs\n"
    full = sandbox.run("dd", "if=/dev/zero", "of=/root/fill", "bs=1M", "count=100", check=False)
    sandbox.run("rm", "/root/fill")
    assert "No space left on device" in full.stderr


def test_sandbox_probe_feels_what_a_process_inside_feels(sandbox: Sandbox) -> None:
    status = sandbox.run("cat", "/proc/self/status").stdout
    assert "NoNewPrivs:\t1" in status
    assert sandbox.run("ip", "link", "set", "eth0", "down", check=False).returncode != 0


def test_sandbox_limits_bind(sandbox: Sandbox) -> None:
    hog = ("python3", "-c", "import sys; sys.exit(len(bytearray(400 << 20)) == 0)")
    assert sandbox.run(*hog, check=False).returncode != 0
    smaller = ("python3", "-c", "import sys; sys.exit(len(bytearray(40 << 20)) == 0)")
    assert sandbox.run(*smaller).returncode == 0


def test_sandbox_reads_the_store_and_talks_to_its_daemon(
    host: TestHost, sandbox: Sandbox, tmp_path: Path
) -> None:
    (tmp_path / "late").write_text("added after the start\n")
    stored = host.nix_store_add(tmp_path / "late")
    assert sandbox.run("cat", stored, user="agent").stdout == "added after the start\n"
    assert sandbox.run("rm", stored, check=False).returncode != 0
    valid = sandbox.run(
        *("env", "NIX_REMOTE=daemon", "nix-store", "--query", "--hash", stored), user="agent"
    )
    assert valid.stdout.startswith("sha256:")


def test_sandbox_reaches_the_internet(internet: Internet, sandbox: Sandbox) -> None:
    internet.serve("198.18.7.1", 80, "from afar\n")
    internet.record("afar.test", "198.18.7.1")
    page = sandbox.run("curl", "--silent", "--max-time", "5", "http://198.18.7.1/page")
    name = sandbox.run("dig", "+short", "@198.18.0.53", "afar.test")
    assert page.stdout == "from afar\n"
    assert name.stdout == "198.18.7.1\n"
    (request,) = internet.requests("198.18.7.1")
    assert (request.client, request.method, request.path) == ("198.18.0.2", "GET", "/page")


# -- the internet -------------------------------------------------------------------


@pytest.mark.parametrize("address", ["198.18.7.2", "2001:2:0:7::2", "169.254.169.254", "10.9.9.9"])
def test_internet_has_any_address(host: TestHost, internet: Internet, address: str) -> None:
    internet.serve(address, 8080, f"I am {address}\n")
    internet.record("any.test", address)
    page = host.run("curl", "-sS", "--max-time", "5", "http://any.test:8080/")
    assert page.stdout == f"I am {address}\n"
    assert internet.requests(address)[-1].host == "any.test:8080"


def test_internet_follows_a_changed_record_at_once(host: TestHost, internet: Internet) -> None:
    for last in range(10):
        internet.record("moves.test", f"198.18.8.{last}")
        assert host.run("dig", "+short", "moves.test").stdout == f"198.18.8.{last}\n"
    internet.record("moves.test")
    assert "NXDOMAIN" in host.run("dig", "moves.test").stdout
    assert "moves.test" in internet.queries()


def test_internet_gives_no_answer_to_a_private_source(host: TestHost, internet: Internet) -> None:
    internet.serve("198.18.7.3", 80, "unheard\n")
    host.sh("ip address add 10.55.0.1/32 dev lo")
    curl = ("curl", "--silent", "--max-time", "1", "http://198.18.7.3/")
    done = host.run(*curl, "--interface", "10.55.0.1", check=False)
    host.sh("ip address del 10.55.0.1/32 dev lo")
    assert done.returncode != 0
    assert host.run(*curl).stdout == "unheard\n"


# -- coming and going ---------------------------------------------------------------


def traces(name: str) -> list[str]:
    """All that this machine knows of the host: files, control groups, mounts, processes."""
    found = [str(p) for p in (*DISKS.glob(f"*{name}*"), *STATE.glob(f"{name}*"))]
    found += [str(p) for p in BASE.glob(f"*/forage-testhost-{name}")]
    found += [line for line in Path("/proc/mounts").read_text().splitlines() if name in line]
    for cmdline in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = cmdline.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # it ended meanwhile
            continue
        if f"forage-testhost-{name}" in text:
            found.append(text)
    return found


def test_down_leaves_nothing(host: TestHost) -> None:
    assert host.running  # another host is no hindrance
    with TestHost() as second:
        name = second.name
        second.sh("ip netns add left; systemd-run --unit=left sleep 4712; mkdir /srv/left")
        pid = second.leader
        assert traces(name)
    assert traces(name) == []
    assert not Path(f"/proc/{pid}").exists()
    assert host.run("systemctl", "is-system-running").stdout == "running\n"


def test_down_can_be_called_again_and_before(host: TestHost) -> None:
    third = TestHost(host.name)
    third.down()
    with pytest.raises(HostError, match="is there already"):
        third.prepare()
    third.down()
    assert host.running


RUNNER = """
import time
from tests.testhost.host import TestHost
with TestHost() as host:
    print(host.name, flush=True)
    time.sleep(60)
"""


def start_a_runner() -> tuple[subprocess.Popen[str], str]:
    runner = subprocess.Popen(
        [sys.executable, "-c", RUNNER], cwd=PROJECT, stdout=subprocess.PIPE, text=True
    )
    assert runner.stdout is not None
    return runner, runner.stdout.readline().strip()


def end(runner: subprocess.Popen[str], number: signal.Signals) -> None:
    runner.send_signal(number)
    runner.communicate(timeout=30)


@pytest.mark.host
def test_interrupted_runner_clears_up() -> None:
    require(*TEST_HOST)
    runner, name = start_a_runner()
    assert traces(name)
    end(runner, signal.SIGINT)
    assert traces(name) == []


@pytest.mark.host
def test_killed_runner_is_cleared_up_after() -> None:
    require(*TEST_HOST)
    runner, name = start_a_runner()
    end(runner, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while any("script" in trace for trace in traces(name)):  # its processes die with it
        assert time.monotonic() < deadline
        time.sleep(0.05)
    with TestHost():
        assert traces(name) == []


@pytest.mark.host
def test_failed_boot_tells_why_and_leaves_nothing() -> None:
    require(*TEST_HOST)
    broken = TestHost()
    broken.prepare()
    broken.write(
        "/etc/systemd/system/broken.service",
        "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo the reason; exit 1'\n",
    )
    wants = broken.root / "etc/systemd/system/multi-user.target.wants/broken.service"
    wants.symlink_to("/etc/systemd/system/broken.service")
    with pytest.raises(HostError, match="did not come up: degraded") as caught, broken:
        pytest.fail("it must not come up")
    assert "the reason" in str(caught.value)
    assert traces(broken.name) == []


# -- by hand ------------------------------------------------------------------------


@pytest.mark.host
def test_by_hand() -> None:
    require(*TEST_HOST)
    name = f"byhand-{os.getpid()}"

    def testhost(*argv: str) -> subprocess.CompletedProcess[str]:
        command = [str(PROJECT / "scripts/testhost"), "--name", name, *argv]
        environment = {**os.environ, "PYTHON": sys.executable}
        return subprocess.run(command, check=False, capture_output=True, text=True, env=environment)

    assert testhost("run", "id").stderr == f"testhost: no test host '{name}' is running\n"
    try:
        assert testhost("up", "--internet").returncode == 0
        assert "is there already" in testhost("up").stderr
        assert testhost("run", "cat", "/etc/hostname").stdout == "testhost\n"
        assert testhost("run", "sh", "-c", "exit 5").returncode == 5
        assert "State: running" in testhost("status").stdout
    finally:
        testhost("down")
    assert traces(name) == []


# -- root file systems ----------------------------------------------------------------


def test_another_recipe_has_another_place() -> None:
    first = rootfs.Recipe("guest", ("bash",))
    second = rootfs.Recipe("guest", ("bash", "curl"))
    assert first.directory != second.directory
    assert first.directory == rootfs.Recipe("guest", ("bash",)).directory


def test_trees_in_use_are_kept_and_others_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORAGE_CACHE", str(tmp_path))
    current = tmp_path / rootfs.GUEST.directory
    used, unused, half = (
        tmp_path / n for n in ("rootfs-guest-1", "rootfs-guest-2", "making-guest-3")
    )
    for tree in (current, used, unused, half):
        tree.mkdir()
    with rootfs.Tree(used), rootfs.obtain(rootfs.GUEST) as tree_:
        assert tree_.path == current
        assert used.exists()
        assert not unused.exists()
    with rootfs.obtain(rootfs.GUEST):
        assert not used.exists()
    assert os.environ["FORAGE_CACHE"] == str(tmp_path)
