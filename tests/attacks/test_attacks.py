"""Each attack fails in a sandbox, and works on the host: it is the fence that holds."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.attacks.catalogue import Attack, attacks

if TYPE_CHECKING:
    from tests.host.activate import Activated

ATTACKS = attacks()
BY_NAME = {attack.name: attack for attack in ATTACKS}
PYTHON = ("python3", "-I", "-")


def verdict(said: str) -> str:
    """The last line that an attack printed: a crash must not pass for a fence."""
    lines = [line for line in said.splitlines() if line.startswith(("HELD: ", "BROKEN: "))]
    return lines[-1] if lines else f"no verdict: {said}"


@pytest.mark.parametrize(
    ("name", "user"), [(attack.name, user) for attack in ATTACKS for user in attack.users]
)
def test_it_fails_in_a_sandbox(
    attacked: Activated, facts: dict[str, str], name: str, user: str
) -> None:
    sandbox = attacked.running("coder")
    done = sandbox.run(*PYTHON, user=user, input=BY_NAME[name].program(facts), check=False)

    assert verdict(done.stdout + done.stderr).startswith("HELD: ")


@pytest.mark.parametrize("attack", [a for a in ATTACKS if not a.uncontrolled], ids=lambda a: a.name)
def test_it_works_without_a_fence(
    attacked: Activated, facts: dict[str, str], attack: Attack
) -> None:
    attacked.running("coder")
    program = attack.program(facts)
    if attack.needs_the_machine:
        done = subprocess.run(PYTHON, input=program, capture_output=True, text=True, check=False)
        said = done.stdout + done.stderr
    else:
        attacked.host.sh(attack.preparation)
        command = ("runuser", "-u", attack.control_user, "--", *PYTHON)
        tried = attacked.host.run(*command, input=program, check=False)
        said = tried.stdout + tried.stderr

    assert verdict(said).startswith("BROKEN: ")
