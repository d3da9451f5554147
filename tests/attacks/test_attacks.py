"""Each attack fails in a sandbox, and works on the host: it is the fence that holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.attacks.catalogue import FAILED, Attack, attacks
from tests.attacks.document import PAGE, Outcomes, not_tried, page
from tests.attacks.profiles import OF_THE_EXAMPLE, PROFILES, tried_in
from tests.attacks.tries import Tries

if TYPE_CHECKING:
    from tests.attacks.control import Unfenced
    from tests.attacks.ground import Ground

ATTACKS = attacks()
BY_NAME = {attack.name: attack for attack in ATTACKS}
CASES = [
    (attack.name, user, sandbox)
    for sandbox in PROFILES
    for attack in ATTACKS
    for user in attack.users
    if tried_in(attack, sandbox)
]


@pytest.fixture(scope="module")
def tries(request: pytest.FixtureRequest, lacking: set[str]) -> Tries:
    """What came of those that this run has chosen."""
    asked = [item.callspec.params for item in request.session.items if hasattr(item, "callspec")]
    chosen = [each["case"] for each in asked if each.get("case") in CASES]
    return Tries([case for case in chosen if case[0] not in lacking], BY_NAME)


@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_it_fails_in_a_sandbox(
    lacking: set[str],
    outcomes: Outcomes,
    tries: Tries,
    case: tuple[str, str, str],
    request: pytest.FixtureRequest,
) -> None:
    name, user, sandbox = case
    attack = BY_NAME[name]
    if name in lacking:
        pytest.skip(f"nothing to try: {attack.lacks}")
    # Where that one is not asked for, it need not boot.
    ground: Ground = request.getfixturevalue("example" if sandbox in OF_THE_EXAMPLE else "attacked")
    said = tries.verdict(case, ground)
    # One that finds nothing there was kept from it: without a fence it is there.
    outcomes[case] = said.startswith(FAILED)

    assert attack.is_expected(said, sandbox, user), said


def test_the_page_of_the_docs_says_what_came_of_it(
    outcomes: Outcomes, lacking: set[str], request: pytest.FixtureRequest
) -> None:
    if len(outcomes) < sum(name not in lacking for name, _, _ in CASES):
        pytest.skip("not all attacks were tried")
    if request.config.getoption("update_snapshots"):
        PAGE.write_text(page(ATTACKS, outcomes, lacking))
    told = PAGE.read_text()

    # On a kernel that has more than the one of the page, the page claims less than is held.
    assert lacking <= not_tried(told, ATTACKS)
    assert told == page(ATTACKS, outcomes, not_tried(told, ATTACKS))


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_it_works_without_a_fence(unfenced: Unfenced, lacking: set[str], attack: Attack) -> None:
    if attack.name in lacking:
        pytest.skip(f"nobody here can do it: {attack.lacks}")

    assert unfenced.verdict(attack).startswith("BROKEN: ")
