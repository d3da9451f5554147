"""The project that runs on the test host, activated once for all tests here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.host.activate import Activated, activate, compile_project, make_owner
from tests.host.demo import activate_demo
from tests.requirements import TEST_HOST, require
from tests.testhost.host import TestHost
from tests.testhost.internet import Internet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.testhost.host import Sandbox

# A public name and the address that it has on the internet of these tests.
NAMES = {
    "allowed.example.net": "198.18.1.10",
    "sub.allowed.example.net": "198.18.1.11",
    "api.wild.example.net": "198.18.1.12",
    "wild.example.net": "198.18.1.13",
    "db.example.net": "198.18.1.14",
    "other.example.net": "198.18.1.15",
    # What a hostile name server may say of its own name: an address of the local network.
    "rebind.example.net": "192.168.77.30",
}

SERVERS = (
    *((address, 80) for name, address in NAMES.items() if name != "rebind.example.net"),
    ("198.18.1.14", 5432),
    ("198.18.1.20", 80),
    ("192.168.77.20", 8080),
    ("192.168.77.20", 8081),
    ("192.168.77.30", 80),
    ("10.50.0.5", 80),
)


@pytest.fixture(scope="package")
def activated(host: TestHost, internet: Internet) -> Iterator[Activated]:
    """The compiled project on the host, with nothing started but what the tests start."""
    for name, address in NAMES.items():
        internet.record(name, address)
    for address, port in SERVERS:
        internet.serve(address, port, f"{address}:{port}")
    plan = compile_project()
    make_owner(host, plan)
    activate(host, plan)
    project = Activated(host, plan)
    yield project
    project.stop_all()
    host.run("systemctl", "reset-failed")


@pytest.fixture
def forage(activated: Activated) -> Iterator[Activated]:
    """The project, whose files and failures are mended after each test."""
    yield activated
    activated.mend()


@pytest.fixture
def coder(forage: Activated) -> Sandbox:
    """A restricted sandbox with an agent, mounts and init commands."""
    return forage.running("coder")


@pytest.fixture
def research(forage: Activated) -> Sandbox:
    """A sandbox with the whole internet."""
    return forage.running("research")


@pytest.fixture
def neighbour(forage: Activated) -> Sandbox:
    """Another one from the same template."""
    return forage.running("neighbour")


@pytest.fixture
def review(forage: Activated) -> Sandbox:
    """A sandbox without network that may only read its workspace."""
    return forage.running("review")


@pytest.fixture
def shared(forage: Activated) -> Sandbox:
    """A sandbox that shares the host's user ids."""
    return forage.running("shared")


@pytest.fixture(scope="package")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Activated]:
    """The README's example on a host of its own; two projects cannot share one."""
    require(*TEST_HOST)
    with TestHost() as own, Internet(own, interface="eth0") as internet:
        yield activate_demo(own, internet, tmp_path_factory.mktemp("demo"))
