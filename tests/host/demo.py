"""Puts the README's example onto a test host, as the NixOS module would.

The tree and the guests are paths of the host's Nix store. guest/default.nix says what
stands for the guests' NixOS.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.host.activate import Activated, compile_project, install, make_owner
from tests.requirements import TEST_HOST, require
from tests.testhost.host import TestHost
from tests.testhost.internet import Internet

if TYPE_CHECKING:
    from collections.abc import Iterator

DEMO = Path(__file__).parents[2] / "examples" / "demo"

NAMES = {
    "registry.npmjs.org": "198.18.1.10",  # on the list of template `claude`
    "other.example.net": "198.18.1.15",  # on no list
}
SERVERS = (
    *((address, 80) for address in NAMES.values()),
    ("192.168.1.20", 8080),  # on the list of template `research`
    ("192.168.1.20", 8081),
)

CLOSURES = "/etc/forage/closures"

_GUEST = Path(__file__).parent / "guest"

# Not in a build sandbox: guest/build calls programs of the host.
_BUILD = """
guest=$1 tree=$2 rootfs=$3
shift 3
mkdir -p /etc/forage/systems
for template; do
  attributes+=(-A "$template")
done
nix-build --option sandbox false --option substitute false --no-out-link \
  "$guest" --argstr tree "$tree" --argstr rootfs "$rootfs" "${attributes[@]}" |
  for template; do
    read -r system
    nix-store --realise "$system" --add-root "/etc/forage/systems/$template" >/dev/null
  done
"""


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Activated]:
    """The README's example on a host of its own; two projects cannot share one."""
    require(*TEST_HOST)
    with TestHost() as own, Internet(own, interface="eth0") as internet:
        yield activate_demo(own, internet, tmp_path_factory.mktemp("demo"))


@contextmanager
def store_closed(demo: Activated, work: Path) -> Iterator[Activated]:
    """The example with `storeClosure`, on the systems that it has already, for a while."""
    project = shutil.copytree(DEMO, work / "project")
    base = project / "templates" / "base.toml"
    option = "[isolation]\nstoreClosure = true\n"
    base.write_text(f"nixDaemon = false\n{base.read_text()}\n{option}")
    host = demo.host
    before = host.run("readlink", "-e", "/etc/forage/tree").stdout.strip()
    demo.stop_all()
    host.run("mkdir", "-p", CLOSURES)
    for template in sorted({sandbox.template.name for sandbox in demo.plan.sandboxes}):
        # As the NixOS module does with closureInfo.
        query = f"nix-store -qR /etc/forage/systems/{template} >{CLOSURES}/{template}"
        host.sh(query)
    install(host, host.nix_store_add(build_tree(project, work / "forage-tree")))
    yield Activated(host, compile_project(project))
    demo.stop_all()
    host.run("rm", "-r", CLOSURES)
    install(host, before)


def activate_demo(host: TestHost, internet: Internet, work: Path) -> Activated:
    """Build the example with the command line, and activate it with nothing started."""
    for name, address in NAMES.items():
        internet.record(name, address)
    for address, port in SERVERS:
        internet.serve(address, port, f"{address}:{port}")
    plan = compile_project(DEMO)
    tree = host.nix_store_add(build_tree(DEMO, work / "forage-tree"))
    templates = sorted({sandbox.template.name for sandbox in plan.sandboxes})
    guest = host.nix_store_add(_GUEST)
    host.sh(_BUILD, guest, tree, host.guest_rootfs, *templates, timeout=180)
    make_owner(host, plan)
    install(host, tree)
    return Activated(host, plan)


def build_tree(project: Path, tree: Path) -> Path:
    """Build a project with the command line."""
    command = [sys.executable, "-m", "forage_gen", "build", str(project), "-o", str(tree)]
    subprocess.run(command, check=True, capture_output=True)
    return tree
