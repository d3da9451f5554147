"""`forage-gen lock --hosts` looks names up where there is a name server, and builds need none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.read.projects import FORAGE, write
from tests.requirements import require

# Runs a command where the only name server is a dnsmasq with some names.
SCRIPT = """
ip link set lo up
echo 'nameserver 127.0.0.1' >"$1/resolv.conf"
mount --bind "$1/resolv.conf" /etc/resolv.conf
dnsmasq --conf-file=/dev/null --user=root --pid-file="$1/pid" --no-resolv --no-hosts \
  --listen-address=127.0.0.1 --bind-interfaces --local=/#/ \
  --host-record=a.org,203.0.113.8 --host-record=a.org,203.0.113.7 \
  --host-record=xn--bcher-kva.example,203.0.113.9 --host-record=inside.org,192.168.1.1
trap "kill $(<"$1/pid")" EXIT
shift
"$@"
"""


@pytest.fixture(autouse=True)
def tools() -> None:
    require("root", "dnsmasq", "ip", "unshare")


def project(root: Path, *hosts: str, resolve: str = "build") -> Path:
    template = f'network = "restricted"\nresolve = "{resolve}"\nallowedHosts = {list(hosts)}\n'
    return write(root, {"forage.toml": FORAGE, "templates/web.toml": template})


def forage_gen(*arguments: str | Path, online: bool = False) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "forage_gen", *map(str, arguments)]
    space = ["unshare", "--net", "--mount"]
    if online:
        place = Path(arguments[-1]).parent
        space += ["bash", "-euc", SCRIPT, "bash", str(place)]
    return subprocess.run([*space, *command], capture_output=True, text=True, check=False)


def test_names_are_looked_up_once_and_builds_go_by_the_lock(tmp_path: Path) -> None:
    root = project(tmp_path / "p", "A.org.", "bücher.example:22")

    refused = forage_gen("build", root)
    assert refused.returncode == 2
    assert "`xn--bcher-kva.example` are not in forage.lock" in refused.stderr
    locked = forage_gen("lock", "--hosts", root, online=True)
    assert locked.returncode == 0, locked.stderr
    assert "a.org: 203.0.113.7, 203.0.113.8\n" in locked.stderr
    lock = (root / "forage.lock").read_text()
    assert lock.endswith(
        '[hosts]\n"a.org" = ["203.0.113.7", "203.0.113.8"]\n'
        '"xn--bcher-kva.example" = ["203.0.113.9"]\n'
    )
    again = forage_gen("lock", "--hosts", root, online=True)
    assert "is up to date: 2 names.\na.org: unchanged\n" in again.stderr
    built = forage_gen("build", root)
    assert built.returncode == 0, built.stderr
    assert "[hosts]" in (root / "forage.lock").read_text()


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("gone.org", "error[host-not-found]: `gone.org` has no IPv4 address"),
        ("inside.org", "error[host-is-private]: `inside.org` leads to a private address"),
    ],
)
def test_a_name_that_leads_nowhere_leaves_the_lock_as_it_was(
    tmp_path: Path, host: str, said: str
) -> None:
    root = project(tmp_path / "p", "a.org", host)
    before = 'version = 1\n\n[hosts]\n"a.org" = ["203.0.113.1"]\n'
    (root / "forage.lock").write_text(before)

    failed = forage_gen("lock", "--hosts", root, online=True)

    assert failed.returncode == 3
    assert said in failed.stderr
    assert "templates/web.toml:3:" in failed.stderr
    assert (root / "forage.lock").read_text() == before


def test_what_is_looked_up_at_run_time_is_not_locked(tmp_path: Path) -> None:
    root = project(tmp_path / "p", "a.org", "*.b.org", resolve="run")

    assert forage_gen("lock", "--hosts", root, online=True).returncode == 0
    assert not (root / "forage.lock").exists()
    assert forage_gen("build", root).returncode == 0
