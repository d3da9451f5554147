"""Fixtures and marks that all tests share."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.host.demo import demo
from tests.host.project_on_host import activated
from tests.requirements import TEST_HOST, require
from tests.testhost.host import TestHost
from tests.testhost.internet import Internet

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["activated", "demo", "host", "internet"]

# Groups of tests on the test host that take about as long as each other.
_GROUPS = {
    "attacks": ("tests/attacks/", "tests/host/test_demo.py"),
    "hosts of their own": (
        "tests/host/test_counters.py",
        "tests/host/test_ipv6.py",
        "tests/host/test_reboot.py",
        "tests/testhost/",
        "tests/pins/",
    ),
    "APIs and failures": ("tests/host/test_a", "tests/host/test_f"),
    "names": ("tests/host/test_d",),
    "life": ("tests/host/test_l",),
    "commands": ("tests/cli/",),
    "network": ("tests/host/test_m", "tests/host/test_n", "tests/host/test_p"),
}


def pytest_configure(config: pytest.Config) -> None:
    """Declare the mark of the tests that run on the test host, and hear interrupts."""
    # What runs in the background ignores them, and so would the programs under test.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # A machine that has other work does not make an example wrong.
    settings.register_profile("forage", deadline=None)
    settings.load_profile("forage")
    config.addinivalue_line("markers", "host: runs on the test host (root, Linux; seconds each)")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what uses the test host, so that it can be chosen and kept together.

    With `pytest -n N --dist loadgroup` each group below runs in one worker, in its order, on
    a host that boots once. With another `--dist` each worker boots a host of its own, which
    is slower but as right.
    """
    parallel = config.pluginmanager.hasplugin("xdist")
    for item in items:
        if "host" in getattr(item, "fixturenames", ()):
            item.add_marker("host")
        if parallel and item.get_closest_marker("host"):
            item.add_marker(pytest.mark.xdist_group(_group(item.nodeid)))


def _group(test: str) -> str:
    """The group that a test on the test host belongs to."""
    own = (name for name, begins in _GROUPS.items() if test.startswith(begins))
    return next(own, "others")


@pytest.fixture(scope="session")
def host() -> Iterator[TestHost]:
    """The test host of this session, booted when the first test asks for it."""
    require(*TEST_HOST)
    with TestHost() as running:
        yield running


@pytest.fixture(scope="session")
def internet(host: TestHost) -> Iterator[Internet]:
    """The internet that the test host is connected to from the first such test on."""
    with Internet(host) as connected:
        yield connected
