"""A host with something to steal, and sandboxes to attack it from."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.attacks.attack import MARKER, MARKER_TEXT
from tests.attacks.staging import REPOSITORY, ROOTS, TEMPTATIONS, VICTIM
from tests.attacks.staging import facts as facts_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.host.activate import Activated
    from tests.testhost.host import Sandbox

# One that runs, and that is not on a mount that all hosts share read-only.
PROGRAM = f"/srv/{VICTIM}"

_UNITS = {
    f"{VICTIM}-process": f"exec -a {VICTIM} sleep infinity",
    f"{VICTIM}-abstract": f"exec socat ABSTRACT-LISTEN:{VICTIM},fork PIPE",
    f"{VICTIM}-path": f"exec socat UNIX-LISTEN:/run/{VICTIM},fork PIPE",
    f"{VICTIM}-program": f"exec {PROGRAM} infinity",
}


@dataclass(frozen=True)
class Ground:
    """A host that is attacked.

    Attributes:
        project: Its sandboxes.
        facts: What the attacks are told of it: `machine_id`, `name` and `namespaces` (links in
            /proc); `disk`, the numbers of a block device; `store_path`, a path of its store that
            no system needs, with `store_text` in it; `garbage`, one that nothing keeps; and
            `root`, what keeps the other from its garbage collector. Besides they are told the
            `own_key` of their sandbox, and, where there is no fence, that they are a `control`.
    """

    project: Activated
    facts: dict[str, str]

    def running(self, name: str) -> Sandbox:
        """Start a sandbox unless it runs, with what an attacker might use in it."""
        if not self.project.active(name):
            self.project.running(name).sh(TEMPTATIONS)
        return self.project.host.sandbox(name)

    def told(self, name: str) -> dict[str, str]:
        """What the attacks in a sandbox are told."""
        own = self.project.sandbox(name).secrets
        return {**self.facts, "own_key": f"key-of-{own[0].name}\n" if own else ""}


@contextmanager
def laid_out(project: Activated, sandboxes: Sequence[str], disk: str) -> Iterator[Ground]:
    """The host, with a file, processes and sockets that nobody in a sandbox may reach."""
    host = project.host
    host.write(MARKER, MARKER_TEXT)
    host.sh(TEMPTATIONS)
    host.sh(REPOSITORY, "/workspace")
    facts = facts_of(lambda command: host.sh(command).stdout) | {"disk": disk}
    places = [project.sandbox(name).workspace.source for name in sandboxes]
    for name, place in zip(sandboxes, places, strict=True):
        # A sandbox that runs has made what it protects.
        project.stop(name)
        as_owner = ("runuser", "-u", project.plan.owner.name, "--")
        host.run(*as_owner, "bash", "-euc", REPOSITORY, "_", place)
    host.run("cp", "/usr/bin/sleep", PROGRAM)
    for unit, script in _UNITS.items():
        host.run("systemd-run", f"--unit={unit}", "--collect", "bash", "-c", script)
    ground = Ground(project, facts)
    for name in sandboxes:
        ground.running(name)
    yield ground
    host.run("systemctl", "stop", *_UNITS)
    for name in sandboxes:
        project.stop(name)
    host.run(
        "rm", "-rf", *(f"{each}/{part}" for each in places for part in (".git", ".jj", ".vscode"))
    )
    host.run("rm", "-rf", "/workspace", MARKER, PROGRAM, f"{ROOTS}/{VICTIM}")
    # Of the controls of some attacks.
    host.run("rm", "-f", "/etc/forage.json")
    host.sh("! [ -d /nix/.forage ] || rmdir /nix/.forage/host-store /nix/.forage")
