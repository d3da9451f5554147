"""A host with something to steal, and sandboxes to attack it from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.attacks.attack import MARKER, MARKER_TEXT
from tests.attacks.profiles import PROFILES
from tests.attacks.staging import REPOSITORY, TEMPTATIONS
from tests.attacks.staging import facts as facts_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.attacks.document import Outcomes
    from tests.host.activate import Activated
    from tests.testhost.host import Sandbox

VICTIM = "victim-of-the-host"


@pytest.fixture(scope="package")
def attacked(activated: Activated) -> Iterator[Activated]:
    """The host, with a file, a process and sockets that nobody in a sandbox may reach."""
    host = activated.host
    host.write(MARKER, MARKER_TEXT)
    host.sh(TEMPTATIONS)
    host.sh(REPOSITORY, "/workspace")
    for name in PROFILES:
        # A sandbox that runs has made what it protects.
        activated.stop(name)
        as_owner = ("runuser", "-u", "alice", "--", "bash", "-euc", REPOSITORY, "_")
        host.run(*as_owner, workspace(activated, name))
    units = {
        f"{VICTIM}-process": f"exec -a {VICTIM} sleep infinity",
        f"{VICTIM}-abstract": f"exec socat ABSTRACT-LISTEN:{VICTIM},fork PIPE",
        f"{VICTIM}-path": f"exec socat UNIX-LISTEN:/run/{VICTIM},fork PIPE",
    }
    for unit, script in units.items():
        host.run("systemd-run", f"--unit={unit}", "--collect", "bash", "-c", script)
    for name in PROFILES:
        tempt(activated.running(name))
    yield activated
    host.run("systemctl", "stop", *units)
    for name in PROFILES:
        activated.stop(name)
        left = (f"{workspace(activated, name)}/{part}" for part in (".git", ".jj", ".vscode"))
        host.run("rm", "-rf", *left)
    host.run("rm", "-rf", "/workspace", MARKER)


def tempt(sandbox: Sandbox) -> None:
    """Lay out what an attacker might use, as the sandbox's root."""
    sandbox.sh(TEMPTATIONS)


def workspace(project: Activated, name: str) -> str:
    return project.sandbox(name).workspace.source


@pytest.fixture(scope="package")
def outcomes() -> Outcomes:
    """What came of the attacks so far."""
    return {}


@pytest.fixture(scope="package")
def facts(attacked: Activated) -> dict[str, str]:
    """What the attacks are told of the host."""
    return facts_of(lambda command: attacked.host.sh(command).stdout)
