"""Tries the attacks in sandboxes of a machine that knows no more than to run commands.

`nix/vm-test.nix` calls it, with a NixOS in a virtual machine and the interpreter of NixOS's test
driver: nothing is imported here but Python's own library.
"""

from __future__ import annotations

import base64
import shlex
from typing import TYPE_CHECKING, Protocol

from tests.attacks.attack import MARKER, MARKER_TEXT
from tests.attacks.catalogue import attacks, verdict
from tests.attacks.profiles import DEFAULT, tried_in
from tests.attacks.staging import REPOSITORY, TEMPTATIONS, facts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.attacks.catalogue import Attack

# NixOS has the first of these alone.
_PATH = "/run/current-system/sw/bin:/usr/bin:/usr/sbin"


class Machine(Protocol):
    """What is used of a machine of NixOS's test driver."""

    def succeed(self, command: str) -> str:
        """Run a shell command that has to succeed; what it printed."""

    def execute(self, command: str) -> tuple[int, str]:
        """Run a shell command; its status, and what it printed."""


def inside(sandbox: str, script: str, user: str = "agent") -> str:
    """The host's command that runs a script as a unit of the sandbox."""
    return (
        "systemd-run --quiet --wait --pipe --collect --service-type=exec --expand-environment=no"
        f" --machine={sandbox} --uid={user} --setenv=PATH={_PATH}"
        f" -- /bin/sh -euc {shlex.quote(script)}"
    )


def place_marker(machine: Machine) -> None:
    """Make the file of the host that nobody inside may find."""
    machine.succeed(f"echo {shlex.quote(MARKER_TEXT)} >{MARKER}")


def make_repository(machine: Machine, owner: str, workspace: str) -> None:
    """Make what the attacks look for in the workspace of a sandbox that does not run yet."""
    script = f"bash -euc {shlex.quote(REPOSITORY)} _ {shlex.quote(workspace)}"
    machine.succeed(f"runuser -u {owner} -- {script}")


def unexpected(
    machine: Machine, sandbox: str, tried: Iterable[Attack] | None = None, own_key: str = ""
) -> Iterator[str]:
    """Try the attacks in a sandbox that has the default profile.

    Args:
        machine: Where it runs.
        sandbox: Its name.
        tried: Some attacks; without, all there are.
        own_key: The key that it has by right.

    Yields:
        What came of those that ended otherwise than in that profile on the test host.
    """
    machine.succeed(inside(sandbox, TEMPTATIONS, user="root"))
    disk = machine.succeed("head -n 1 /sys/block/*/dev | grep : | head -n 1").strip()
    told = facts(machine.succeed) | {"own_key": own_key, "disk": disk}
    for attack in attacks() if tried is None else tried:
        if not tried_in(attack, DEFAULT):
            continue
        for user in attack.users:
            program = base64.b64encode(attack.program(told).encode()).decode()
            command = inside(sandbox, "exec python3 -I - 2>&1", user)
            _, printed = machine.execute(f"echo {program} | base64 --decode | {command}")
            said = verdict(printed)
            if not attack.is_expected(said, DEFAULT, user):
                yield f"{attack.name} by {user} in {sandbox}: {said}"
