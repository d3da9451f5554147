"""All rules, by code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from forage_gen.check import agents, allowance, files, limits, network, packages, unused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from forage_gen.check.rule import Rule


def _by_code(*rules: Rule) -> dict[str, Rule]:
    return {rule.code: rule for rule in sorted(rules, key=lambda rule: rule.code)}


# Rules about the project: what they find can be allowed.
LINTS: Mapping[str, Rule] = _by_code(
    *agents.rules, *files.rules, *limits.rules, *network.rules, *packages.rules, *unused.rules
)

RULES: Mapping[str, Rule] = _by_code(*LINTS.values(), *allowance.rules)
