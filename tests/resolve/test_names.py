"""Which host names may be reached, and at which ports."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from forage_gen.explain import in_words
from forage_gen.resolve.plan import NameException
from tests.read.projects import FORAGE, resolved

if TYPE_CHECKING:
    from pathlib import Path

AGENT = '[agents.claude]\npackage = "claude-code"\n'
WEB = (80, 443)


def names(tmp_path: Path, text: str) -> list[tuple[str, tuple[int, ...]]]:
    files = {"forage.toml": FORAGE, "templates/web.toml": text}
    (template,) = resolved(tmp_path, files).plan.templates
    return [("*." * rule.wildcard + rule.name, rule.ports) for rule in template.names]


@pytest.mark.parametrize(
    ("hosts", "expected"),
    [
        (["b.org", "a.org"], [("a.org", WEB), ("b.org", WEB)]),
        (["a.org", "A.org.", "a.org:443"], [("a.org", WEB)]),
        (["a.org:5432"], [("a.org", (5432,))]),
        (["a.org", "a.org:22"], [("a.org", (22, 80, 443))]),
        (["a.org:99", "a.org:9"], [("a.org", (9, 99))]),
        (["a.org", "*.a.org"], [("a.org", WEB), ("*.a.org", WEB)]),
        (["bücher.example"], [("xn--bcher-kva.example", WEB)]),
        # What a wildcard opens, a rule for a name below it does not close.
        (["*.a.org:1", "x.a.org:2"], [("*.a.org", (1,)), ("x.a.org", (1, 2))]),
        (["*.a.org:1", "z.y.x.a.org:2"], [("*.a.org", (1,)), ("z.y.x.a.org", (1, 2))]),
        (
            ["*.a.org:1", "*.b.a.org:2", "c.b.a.org:3"],
            [("*.a.org", (1,)), ("*.b.a.org", (1, 2)), ("c.b.a.org", (1, 2, 3))],
        ),
        # ... but it is about what is below it only.
        (
            ["*.b.a.org:1", "b.a.org:1", "a.org:2"],
            [("a.org", (2,)), ("b.a.org", (1,)), ("*.b.a.org", (1,))],
        ),
        (["*.a.org:1", "ba.org:2"], [("*.a.org", (1,)), ("ba.org", (2,))]),
        # Below an exception nothing is opened by what is above it.
        (["*.a.org:1", "!*.b.a.org", "c.b.a.org:2"], [("*.a.org", (1,)), ("c.b.a.org", (2,))]),
        (["*.a.org:1", "!*.b.a.org", "b.a.org:2"], [("*.a.org", (1,)), ("b.a.org", (1, 2))]),
        (["*.a.org:1", "!b.a.org", "c.b.a.org:2"], [("*.a.org", (1,)), ("c.b.a.org", (1, 2))]),
    ],
)
def test_restricted(
    tmp_path: Path, hosts: list[str], expected: list[tuple[str, tuple[int, ...]]]
) -> None:
    assert names(tmp_path, f'network = "restricted"\nallowedHosts = {hosts}\n') == expected


def test_an_exception_of_a_child_takes_from_its_parents_wildcard(tmp_path: Path) -> None:
    files = {
        "forage.toml": FORAGE,
        "templates/base.toml": 'network = "restricted"\nallowedHosts = ["*.a.org"]\n',
        "templates/web.toml": 'extends = "base"\nallowedHosts = ["!B.a.org", "!*.c.a.org."]\n',
    }
    found = resolved(tmp_path, files)
    (template,) = found.plan.templates
    assert template.exceptions == (
        NameException("b.a.org", wildcard=False),
        NameException("c.a.org", wildcard=True),
    )
    assert "but not b.a.org\n" in in_words(found.plan.sandboxes[0], found)
    assert "but not *.c.a.org\n" in in_words(found.plan.sandboxes[0], found)


def test_the_agents_own_hosts_are_allowed(tmp_path: Path) -> None:
    assert names(tmp_path, f'network = "restricted"\n{AGENT}') == [("api.anthropic.com", WEB)]


def test_the_agents_own_hosts_keep_their_ports(tmp_path: Path) -> None:
    text = f'network = "restricted"\nallowedHosts = ["api.anthropic.com:8443"]\n{AGENT}'
    assert names(tmp_path, text) == [("api.anthropic.com", (80, 443, 8443))]


@pytest.mark.parametrize("network", ["full", "none"])
def test_no_other_mode_goes_by_names(tmp_path: Path, network: str) -> None:
    assert names(tmp_path, f'network = "{network}"\n{AGENT}') == []


def test_addresses_are_sorted_each_once(tmp_path: Path) -> None:
    hosts = '["10.0.0.9:2", "10.0.0.0/24", "10.0.0.9", "10.0.0.9:2", "10.0.0.9:1"]'
    files = {
        "forage.toml": FORAGE,
        "templates/web.toml": f'network = "full"\nallowedHosts = {hosts}\n',
    }
    (template,) = resolved(tmp_path, files).plan.templates
    assert [(str(rule.network), rule.port) for rule in template.addresses] == [
        ("10.0.0.0/24", None),
        ("10.0.0.9/32", None),
        ("10.0.0.9/32", 1),
        ("10.0.0.9/32", 2),
    ]
