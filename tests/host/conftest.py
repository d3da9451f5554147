"""The sandboxes of the project that runs on the test host."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.host.apis import ASKING, Apis

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.host.activate import Activated
    from tests.testhost.host import Sandbox
    from tests.testhost.internet import Internet


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
def office(forage: Activated) -> Sandbox:
    """A sandbox with the internet and the local network."""
    return forage.running("office")


@pytest.fixture
def pinned(forage: Activated) -> Sandbox:
    """A restricted sandbox whose names were looked up before the build."""
    return forage.running("pinned")


@pytest.fixture
def review(forage: Activated) -> Sandbox:
    """A sandbox without network that may only read its workspace."""
    return forage.running("review")


@pytest.fixture
def shared(forage: Activated) -> Sandbox:
    """A sandbox that shares the host's user ids."""
    return forage.running("shared")


@pytest.fixture(scope="package")
def all_apis(activated: Activated, internet: Internet) -> Iterator[Apis]:
    """The APIs that the API proxy leads to, and the CA that the host trusts for them."""
    apis = Apis(activated.host, internet)
    apis.begin()
    yield apis
    apis.end()


@pytest.fixture
def apis(forage: Activated, all_apis: Apis) -> Apis:
    """The same, which nobody has asked yet."""
    del forage
    all_apis.new()
    return all_apis


@pytest.fixture(scope="module")
def program(activated: Activated) -> Iterator[None]:
    """What the sandboxes have in place of the agent's program: Debian's python3."""
    activated.host.sh("ln -sf /usr/bin/python3 /home/alice/agent/claude")
    yield
    activated.host.run("systemctl", "stop", *(f"systemd-nspawn@{n}" for n in ASKING))


@pytest.fixture
def asker(forage: Activated, apis: Apis, program: None) -> Sandbox:
    """A sandbox without a network, whose agent asks through the proxy."""
    del apis, program
    return forage.running("asker")


@pytest.fixture
def other(forage: Activated, apis: Apis, program: None) -> Sandbox:
    """Another one of its template, with an API of its own."""
    del apis, program
    return forage.running("other-asker")
