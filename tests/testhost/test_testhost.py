"""The harness itself: what it promises, on the machine it runs on."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.testhost.host import TestHost


def test_boots_to_a_whole_system(host: TestHost) -> None:
    assert host.run("systemctl", "is-system-running").stdout == "running\n"
