"""The attacks where there is no fence: each has to work there, or what held it is unknown."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.attacks.catalogue import verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.attacks.catalogue import Attack
    from tests.testhost.host import TestHost

PYTHON = ("python3", "-I", "-")

# What is mounted for one attack is seen by no other, on the host or on the machine.
_APART = ("unshare", "--mount", "--", "bash", "-euc")
_PREPARED = '{}\nexec runuser -u "$1" -- "${{@:2}}"'


@dataclass
class Unfenced:
    """The test host and the machine that it runs on, as the attacks find them without a fence."""

    host: TestHost
    facts: Mapping[str, str]
    verdicts: dict[str, str] = field(default_factory=dict)

    def verdict(self, attack: Attack) -> str:
        """Try it once, and say what came of it."""
        if attack.name not in self.verdicts:
            self.verdicts[attack.name] = self._try(attack)
        return self.verdicts[attack.name]

    def lacking(self, attacks: Sequence[Attack]) -> set[str]:
        """Find those for which nobody here can do what they try, not even without a fence."""
        return {a.name for a in attacks if a.lacks and self.verdict(a).startswith("ABSENT: ")}

    def _try(self, attack: Attack) -> str:
        program = attack.program({**self.facts, "own_key": "", "control": "yes"})
        command = [*_APART, _PREPARED.format(attack.preparation), "bash", attack.control_user]
        command += PYTHON
        if attack.needs_the_machine:
            done = subprocess.run(
                command, input=program, capture_output=True, text=True, check=False
            )
        else:
            done = self.host.run(*command, input=program, check=False)
        return verdict(done.stdout + done.stderr)
