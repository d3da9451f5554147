"""The project that runs on the test host, activated once for all tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.host.activate import Activated, activate, compile_project, make_owner

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.testhost.host import TestHost
    from tests.testhost.internet import Internet

# A public name and the address that it has on the internet of these tests.
NAMES = {
    "allowed.example.net": "198.18.1.10",
    "sub.allowed.example.net": "198.18.1.11",
    "api.wild.example.net": "198.18.1.12",
    "wild.example.net": "198.18.1.13",
    "db.example.net": "198.18.1.14",
    "other.example.net": "198.18.1.15",
    # Another's name on the address of one that is allowed, as on the servers of a CDN.
    "twin.example.net": "198.18.1.10",
    "evilwild.example.net": "198.18.1.16",
    "rotating.example.net": "198.18.1.17",
    # Below wildcards, with exceptions.
    "secret.wild.example.net": "198.18.1.18",
    "deep.secret.wild.example.net": "198.18.1.18",
    "internal.wild.example.net": "198.18.1.18",
    "hr.internal.wild.example.net": "198.18.1.18",
    "open.internal.wild.example.net": "198.18.1.18",
    "dev.data.example.net": "198.18.1.14",
    "prod.data.example.net": "198.18.1.19",
    # Elsewhere than forage.lock says.
    "pinned.example.net": "198.18.1.15",
    "sub.pinned.example.net": "198.18.1.15",
    # What a hostile name server may say of its own name: an address of the local network.
    "rebind.example.net": "192.168.77.30",
}

PUBLIC = sorted({address for name, address in NAMES.items() if name != "rebind.example.net"})

SERVERS = (
    *((address, port) for address in PUBLIC for port in (80, 443)),
    ("198.18.1.14", 5432),
    ("198.18.1.17", 5432),
    ("198.18.1.19", 5432),
    ("198.18.1.20", 80),
    ("192.168.77.20", 8080),
    ("192.168.77.20", 8081),
    ("192.168.77.30", 80),
    ("10.50.0.5", 80),
    ("172.20.0.5", 80),
    # Private, and not of the local network.
    ("100.64.0.5", 80),
    ("169.254.169.254", 80),
    ("192.0.0.192", 80),
    ("10.100.200.200", 80),  # of the sandboxes' subnet
)


@pytest.fixture(scope="session")
def activated(host: TestHost, internet: Internet) -> Iterator[Activated]:
    """The compiled project on the host, with nothing started but what the tests start."""
    for name, address in NAMES.items():
        internet.record(name, address)
    for address, port in SERVERS:
        internet.serve(address, port, f"{address}:{port}", tls=port == 443)
    plan = compile_project()
    make_owner(host, plan)
    host.run("nix-store", "--init")  # a store that was never used has no database
    activate(host, plan)
    project = Activated(host, plan)
    # It would mend what tests break. `tests/host/test_flush.py` has it run.
    project.mend_by_itself(on=False)
    yield project
    project.stop_all()
    host.run("systemctl", "reset-failed")
