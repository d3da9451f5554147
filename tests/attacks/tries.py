"""What comes of attacks in sandboxes. One unit tries many: it takes longer to start than they."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.attacks.catalogue import FAILED, VERDICTS, verdict
from tests.attacks.control import PYTHON

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.attacks.catalogue import Attack
    from tests.attacks.ground import Ground

# Each attack is a process of its own, as if it were the unit's only one.
_DRIVER = """
import json, subprocess, sys
for name, program in json.loads({programs!r}):
    try:
        done = subprocess.run(
            {python!r}, input=program.encode(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True, timeout=30,
        )
        said = done.stdout.decode(errors="replace")
    except subprocess.TimeoutExpired:
        said = "no end after 30 s"
    print(json.dumps([name, said]), flush=True)
    last = [line for line in said.splitlines() if line.startswith({verdicts!r})]
    if {ends} and not (last and last[-1].startswith({failed!r})):
        break
"""


@dataclass
class Tries:
    """The attacks that a test run makes.

    Attributes:
        cases: Name, user and sandbox of each.
        attacks: By name.
    """

    cases: Sequence[tuple[str, str, str]]
    attacks: Mapping[str, Attack]
    _verdicts: dict[tuple[str, str, str], str] = field(default_factory=dict)

    def verdict(self, case: tuple[str, str, str], ground: Ground) -> str:
        """Say what came of one, with the others of its user and sandbox that are still to try."""
        if case not in self._verdicts:
            self._try(case, ground)
        return self._verdicts[case]

    def _try(self, case: tuple[str, str, str], ground: Ground) -> None:
        _, user, sandbox = case
        inside = ground.running(sandbox)
        told = ground.told(sandbox)
        waiting = [c for c in self.cases if c[1:] == case[1:] and c not in self._verdicts]
        waiting.sort(key=lambda each: each != case)
        driver = _DRIVER.format(
            programs=json.dumps([(name, self.attacks[name].program(told)) for name, *_ in waiting]),
            python=PYTHON,
            verdicts=VERDICTS,
            failed=FAILED,
            ends=user == "root",
        )
        done = inside.run(*PYTHON, user=user, input=driver, check=False, timeout=600)
        for line in done.stdout.splitlines():
            name, said = json.loads(line)
            self._verdicts[name, user, sandbox] = verdict(said)
        # The very first one may have ended the driver.
        self._verdicts.setdefault(case, verdict(done.stdout + done.stderr))
        if user == "root" and any(
            not self._verdicts.get(each, FAILED[0]).startswith(FAILED) for each in waiting
        ):
            ground.project.stop(sandbox)  # what it broke is no help for the next
            ground.project.mend()
