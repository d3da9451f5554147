"""All rules, by code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from forage_gen.check import agents, allow, files, limits, network, packages, unused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from forage_gen.check.rule import Rule


def _by_code(*rules: Rule) -> dict[str, Rule]:
    return {rule.code: rule for rule in sorted(rules, key=lambda rule: rule.code)}


# Rules about the project: a comment can allow what they find.
LINTS: Mapping[str, Rule] = _by_code(
    *agents.rules, *files.rules, *limits.rules, *network.rules, *packages.rules, *unused.rules
)

RULES: Mapping[str, Rule] = _by_code(*LINTS.values(), *allow.rules)
