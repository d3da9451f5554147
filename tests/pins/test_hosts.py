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
  --host-record=xn--bcher-kva.example,203.0.113.9 --host-record=inside.org,192.168.1.1 \
  --host-record=six.org,2001:db8::20 --host-record=six.org,2001:db8::3 \
  --host-record=both.org,203.0.113.5,2001:db8::4 --host-record=inside6.org,203.0.113.6,fd12::1
trap "kill $(<"$1/pid")" EXIT
shift
"$@"
"""


@pytest.fixture(autouse=True)
def tools() -> None:
    require("root", "dnsmasq", "ip", "unshare")


IPV6 = f'ipv6Subnet = "fd5c:3a1e:77b0::/64"\n{FORAGE}'


def project(root: Path, *hosts: str, resolve: str = "build", toml: str = FORAGE) -> Path:
    template = f'network = "restricted"\nresolve = "{resolve}"\nallowedHosts = {list(hosts)}\n'
    return write(root, {"forage.toml": toml, "templates/web.toml": template})


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


def test_ipv6_addresses_are_kept_where_sandboxes_have_ipv6(tmp_path: Path) -> None:
    root = project(tmp_path / "p", "six.org", "both.org", "a.org", toml=IPV6)
    assert forage_gen("lock", "--hosts", root, online=True).returncode == 0
    lock = (root / "forage.lock").read_text()
    assert lock.endswith(
        '[hosts]\n"a.org" = ["203.0.113.7", "203.0.113.8"]\n'
        '"both.org" = ["203.0.113.5", "2001:db8::4"]\n'
        '"six.org" = ["2001:db8::3", "2001:db8::20"]\n'
    )
    assert forage_gen("build", root).returncode == 0
    # Without IPv6 they would be of no use.
    without = project(tmp_path / "q", "both.org", "a.org")
    assert forage_gen("lock", "--hosts", without, online=True).returncode == 0
    assert '"both.org" = ["203.0.113.5"]\n' in (without / "forage.lock").read_text()


@pytest.mark.parametrize(
    ("host", "toml", "said"),
    [
        ("gone.org", IPV6, "error[host-not-found]: `gone.org` has no address here"),
        ("six.org", FORAGE, "error[host-not-found]: `six.org` has no IPv4 address"),
        ("inside6.org", IPV6, "`inside6.org` leads to a private address, fd12::1"),
    ],
)
def test_a_name_without_a_fit_address_of_either_kind_is_refused(
    tmp_path: Path, host: str, toml: str, said: str
) -> None:
    root = project(tmp_path / "p", "a.org", host, toml=toml)
    failed = forage_gen("lock", "--hosts", root, online=True)
    assert (failed.returncode, said in failed.stderr) == (3, True), failed.stderr
    assert not (root / "forage.lock").exists()


def test_what_is_looked_up_at_run_time_is_not_locked(tmp_path: Path) -> None:
    root = project(tmp_path / "p", "a.org", "*.b.org", resolve="run")

    assert forage_gen("lock", "--hosts", root, online=True).returncode == 0
    assert not (root / "forage.lock").exists()
    assert forage_gen("build", root).returncode == 0
