"""What docs/uninstalling.md says is done on a host, and then nothing of Forage is left."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from forage_gen.emit.emit import emit
from tests.docs.pages import BOOK, blocks
from tests.host.activate import TREE, activate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.host.activate import Activated
    from tests.testhost.host import TestHost

UNITS = "systemd/system/"
(SCRIPT,) = [
    block.text for block in blocks(BOOK / "uninstalling.md") if "daemon-reload" in block.text
]


@pytest.fixture
def uninstalled(forage: Activated) -> Iterator[None]:
    """Afterwards the project is there again, for the tests that follow."""
    yield
    activate(forage.host, forage.plan)


def left(host: TestHost) -> str:
    """What is Forage's by name, or made by a sandbox, but for what the test host came with."""
    return host.sh("""
        {
          nft list tables
          ip xfrm policy | sed 's/^src/forage src/'
          ls /sys/class/net
          ip netns list
          findmnt --list --noheadings --output=TARGET
          systemctl list-units --all --plain --no-legend | grep -v not-found
          systemctl list-unit-files --no-legend
          find /etc /run/systemd/nspawn
        } | grep -E 'forage|^fg-|/var/lib/machines/|systemd-nspawn@[a-z]' |
          grep -vE 'forage.guests|nginx/modules-enabled|masked' || true
    """).stdout


@pytest.mark.usefixtures("uninstalled")
def test_uninstalling_leaves_nothing(forage: Activated) -> None:
    host = forage.host
    for name in ("coder", "research", "review"):
        forage.running(name)
    host.run("systemctl", "start", "forage.target")
    before = left(host)
    for trace in (
        "table inet forage",
        "table arp forage",
        "forage src 10.100.0.0/16",
        "fg-",
        "/var/lib/machines/coder",
        "forage.target",
    ):
        assert trace in before
    host.sh(f"mkdir -p /srv/project && ln -sfn {TREE} /srv/project/generated")
    host.sh(f"cd /srv/project\n{SCRIPT}")
    assert left(host) == ""
    units = [a.path.removeprefix(UNITS) for a in emit(forage.plan) if a.path.startswith(UNITS)]
    assert units
    assert [unit for unit in units if (host.root / "etc/systemd/system" / unit).exists()] == []
