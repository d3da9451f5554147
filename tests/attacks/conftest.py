"""A host with something to steal, and sandboxes to attack it from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.attacks.attack import MARKER, MARKER_TEXT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.host.activate import Activated

VICTIM = "victim-of-the-host"

NAMESPACES = ("cgroup", "ipc", "mnt", "net", "pid", "user", "uts")

# Programs that would give the agent more than it has, if anything did.
_TEMPTATIONS = """
install -m 4755 /usr/bin/id /opt/setuid-id
install -m 0755 /usr/bin/cat /opt/capable-cat
setcap cap_dac_read_search+ep /opt/capable-cat
"""

# What the attacks find in the workspace; on the host, /workspace is a plain directory.
_REPOSITORY = """
mkdir -p "$1"
cd "$1"
rm -rf .git
git init --quiet
"""


@pytest.fixture(scope="package")
def attacked(activated: Activated) -> Iterator[Activated]:
    """The host, with a file, a process and sockets that nobody in a sandbox may reach."""
    host = activated.host
    host.write(MARKER, MARKER_TEXT)
    host.sh(_TEMPTATIONS)
    host.sh(_REPOSITORY, "/workspace")
    # A sandbox that runs has made what it protects.
    activated.stop("coder")
    host.run("runuser", "-u", "alice", "--", "bash", "-euc", _REPOSITORY, "_", workspace(activated))
    units = {
        f"{VICTIM}-process": f"exec -a {VICTIM} sleep infinity",
        f"{VICTIM}-abstract": f"exec socat ABSTRACT-LISTEN:{VICTIM},fork PIPE",
        f"{VICTIM}-path": f"exec socat UNIX-LISTEN:/run/{VICTIM},fork PIPE",
    }
    for unit, script in units.items():
        host.run("systemd-run", f"--unit={unit}", "--collect", "bash", "-c", script)
    activated.running("coder").sh(_TEMPTATIONS)
    yield activated
    host.run("systemctl", "stop", *units)
    activated.stop("coder")
    host.run("rm", "-rf", "/workspace", MARKER, f"{workspace(activated)}/.git")


def workspace(project: Activated) -> str:
    return project.sandbox("coder").workspace.source


@pytest.fixture(scope="package")
def facts(attacked: Activated) -> dict[str, str]:
    """What the attacks are told of the host."""
    host = attacked.host
    links = host.run("readlink", *(f"/proc/self/ns/{name}" for name in NAMESPACES)).stdout
    return {
        "machine_id": host.run("cat", "/etc/machine-id").stdout.strip(),
        "name": host.run("uname", "-n").stdout.strip(),
        "namespaces": json.dumps(dict(zip(NAMESPACES, links.split(), strict=True))),
    }
