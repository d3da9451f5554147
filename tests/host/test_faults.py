"""What breaks around the fence closes sandboxes, and they recover by themselves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.host.probes import look_up, rcode
from tests.host.test_flush import CLOSED, LISTED, NAMED, OPEN, reached

if TYPE_CHECKING:
    from tests.host.activate import Activated
    from tests.testhost.host import Sandbox

CONNECTIONS = Path("/proc/sys/net/netfilter/nf_conntrack_max")
MOST = 600_000

# Tracked connections of the test host alone, as many as the kernel takes, for so many seconds. The
# kernel counts them for each network namespace, and makes no room of any that was answered.
FILL = """
python3 - "$1" "$2" <<'END' >/run/connections
import sys
for number in range(int(sys.argv[1])):
    source = f"-s 10.255.0.{number // 60000 + 1} --sport {number % 60000 + 1024}"
    print(f"-I -p tcp {source} -d 10.254.0.1 --dport 80 --state ESTABLISHED"
          f" --timeout {sys.argv[2]} -u SEEN_REPLY,ASSURED")
END
conntrack -R /run/connections 2>&1 || true
rm /run/connections
"""


@pytest.mark.skipif(
    not CONNECTIONS.exists() or int(CONNECTIONS.read_text()) > MOST,
    reason=f"the kernel tracks more than {MOST} connections, which would take minutes to make",
)
def test_a_full_table_of_connections_closes_everything(
    forage: Activated, coder: Sandbox, research: Sandbox
) -> None:
    places = {"coder": {NAMED, LISTED}, "research": {OPEN}}
    sandboxes = {"coder": coder, "research": research}

    def open_places() -> dict[str, set[str]]:
        return {
            name: reached(sandbox, *places[name], *CLOSED[name])
            for name, sandbox in sandboxes.items()
        }

    assert open_places() == places
    try:
        said = forage.host.sh(FILL, str(int(CONNECTIONS.read_text()) + 1000), "40", timeout=120)
        assert "not enough memory" in said.stdout
        assert open_places() == {"coder": set(), "research": set()}
        # They end, and nobody has to do anything about it.
        forage.host.wait_for(lambda: open_places() == places, "all is as before", timeout=90)
    finally:
        forage.host.run("conntrack", "-F")


def test_without_the_hosts_name_server_no_name_is_open(forage: Activated, coder: Sandbox) -> None:
    kill = ("systemctl", "kill", "internet-dns.service")
    assert reached(coder, NAMED, LISTED) == {NAMED, LISTED}
    forage.host.run(*kill, "--signal=STOP")
    try:
        assert look_up(coder, NAMED) == []
        # The proxy looks names up as well. Addresses need none.
        assert reached(coder, NAMED, LISTED, *CLOSED["coder"]) == {LISTED}
        # What is refused is refused without it.
        assert rcode(coder, "other.example.net") == "NXDOMAIN"
    finally:
        forage.host.run(*kill, "--signal=CONT")
    forage.host.wait_for(lambda: reached(coder, NAMED) == {NAMED}, "it is back")
    assert not reached(coder, *CLOSED["coder"])
