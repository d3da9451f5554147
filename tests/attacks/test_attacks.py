"""Each attack fails in a sandbox, and works on the host: it is the fence that holds."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.attacks.catalogue import Attack, attacks, verdict
from tests.attacks.conftest import tempt
from tests.attacks.document import PAGE, Outcomes, page
from tests.attacks.profiles import PROFILES

if TYPE_CHECKING:
    from tests.host.activate import Activated

ATTACKS = attacks()
BY_NAME = {attack.name: attack for attack in ATTACKS}
CASES = [
    (attack.name, user, sandbox)
    for sandbox in PROFILES
    for attack in ATTACKS
    for user in attack.users
]
PYTHON = ("python3", "-I", "-")


@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_it_fails_in_a_sandbox(
    attacked: Activated, facts: dict[str, str], outcomes: Outcomes, case: tuple[str, str, str]
) -> None:
    name, user, sandbox = case
    attack = BY_NAME[name]
    own = attacked.sandbox(sandbox).secrets
    told = facts | {"own_key": f"key-of-{own[0].name}\n" if own else ""}
    inside = attacked.running(sandbox)
    done = inside.run(*PYTHON, user=user, input=attack.program(told), check=False)
    said = verdict(done.stdout + done.stderr)
    outcomes[case] = said.startswith("HELD: ")
    if not outcomes[case] and user == "root":
        attacked.stop(sandbox)  # what it broke is no help for the next
        attacked.mend()
        tempt(attacked.running(sandbox))

    assert said.startswith(attack.expected(sandbox, user))


def test_the_page_of_the_docs_says_what_came_of_it(
    outcomes: Outcomes, request: pytest.FixtureRequest
) -> None:
    if len(outcomes) < len(CASES):
        pytest.skip("not all attacks were tried")
    written = page(ATTACKS, outcomes)
    if request.config.getoption("update_snapshots"):
        PAGE.write_text(written)

    assert PAGE.read_text() == written


@pytest.mark.parametrize("attack", [a for a in ATTACKS if not a.uncontrolled], ids=lambda a: a.name)
def test_it_works_without_a_fence(
    attacked: Activated, facts: dict[str, str], attack: Attack
) -> None:
    attacked.running("coder")
    program = attack.program(facts | {"own_key": ""})
    if attack.needs_the_machine:
        done = subprocess.run(PYTHON, input=program, capture_output=True, text=True, check=False)
        said = done.stdout + done.stderr
    else:
        attacked.host.sh(attack.preparation)
        command = ("runuser", "-u", attack.control_user, "--", *PYTHON)
        tried = attacked.host.run(*command, input=program, check=False)
        said = tried.stdout + tried.stderr

    assert verdict(said).startswith("BROKEN: ")
