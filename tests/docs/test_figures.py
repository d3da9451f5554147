"""The pages say the numbers that are in force."""

from __future__ import annotations

import re

from forage_gen.resolve.policy import BELOW_MAX, LABEL_MAX, NAMES_A_MINUTE
from forage_gen.resolve.refusals import REASONS
from tests.docs.pages import ROOT

NETWORK = " ".join((ROOT / "docs/security/network.md").read_text().split())


def test_the_network_page_has_the_bounds_of_questions() -> None:
    for words in (
        f"labels of more than {LABEL_MAX} bytes, more than {BELOW_MAX} bytes in all",
        f"more than {NAMES_A_MINUTE} different names of a sandbox in a minute",
    ):
        assert words in NETWORK


def test_it_has_every_reason() -> None:
    said = set(re.findall(r"\| `([a-z0-9]+)` \|", NETWORK))
    assert {reason.key for reason in REASONS} <= said
