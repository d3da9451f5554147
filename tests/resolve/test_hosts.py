"""Names whose addresses are in forage.lock."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from forage_gen.emit.emit import emit
from forage_gen.explain import in_words
from tests.quote.asking import ask
from tests.read.projects import FORAGE, finding, findings, resolved, text_at
from tests.requirements import require

if TYPE_CHECKING:
    from pathlib import Path

    from forage_gen.resolve import plan as p

TEMPLATE = 'network = "restricted"\nresolve = "build"\nallowedHosts = '
TWO = TEMPLATE + '["a.org", "b.org:22", "10.9.9.9"]\n'
LOCK = 'version = 1\n[hosts]\n"a.org" = ["203.0.113.7", "203.0.113.8"]\n"b.org" = ["203.0.113.7"]\n'


def project(template: str, lock: str | None = LOCK) -> dict[str, str]:
    files = {"forage.toml": FORAGE, "templates/web.toml": template}
    return files if lock is None else {**files, "forage.lock": lock}


def planned(root: Path, template: str = TWO, lock: str = LOCK) -> tuple[p.Plan, dict[str, str]]:
    plan = resolved(root, project(template, lock)).plan
    return plan, {each.path: each.content.decode() for each in emit(plan)}


def test_a_build_refuses_names_that_are_not_locked_each_by_its_name(tmp_path: Path) -> None:
    found = findings(tmp_path, project(TWO, None))
    assert [(f.code, text_at(f)) for f in found] == [
        ("host-not-locked", '"a.org"'),
        ("host-not-locked", '"b.org:22"'),
    ]
    assert "`a.org`" in found[0].message
    assert "`forage-gen lock --hosts`" in found[0].hint


def test_the_agents_own_hosts_have_to_be_locked(tmp_path: Path) -> None:
    agent = '["a.org"]\n[agents.claude]\npackage = "claude-code"\n'
    found = finding(tmp_path, project(TEMPLATE + agent))
    assert found.code == "host-not-locked"
    assert "`api.anthropic.com`" in found.message
    assert text_at(found) == "claude"


@pytest.mark.parametrize(
    ("template", "code", "where", "hint"),
    [
        (TEMPLATE + '["a.org", "*.b.org"]', "wildcard-at-build", '"*.b.org"', '`resolve = "run"`'),
        ('network = "full"\nresolve = "build"', "resolve-without-names", '"build"', "restricted"),
        ('resolve = "build"', "resolve-without-names", '"build"', "restricted"),
        ('resolve = "later"', "bad-value", '"later"', '`"run"`'),
    ],
)
def test_what_cannot_be_looked_up_before_a_build(
    tmp_path: Path, template: str, code: str, where: str, hint: str
) -> None:
    found = finding(tmp_path, project(template + "\n"))
    assert (found.code, text_at(found)) == (code, where)
    assert hint in found.hint


@pytest.mark.parametrize(
    "line",
    [
        '"c.org" = []',
        '"c.org" = "203.0.113.7"',
        '"c.org" = [1]',
        '"c.org" = ["203.0.113.256"]',
        '"c.org" = ["2001:DB8::1"]',
        '"c.org" = ["2001:db8::1%eth0"]',
        '"c.org" = ["::ffff:203.0.113.7"]',
        '"c.org" = ["203.0.113.7", "fd12::1"]',
        '"c.org" = ["64:ff9b::cb00:7107"]',
        '"c.org" = ["203.0.113.7", "10.0.0.1"]',  # nobody wrote that but by hand
        '"c.org" = ["169.254.169.254"]',
        '"C.org" = ["203.0.113.7"]',
        '"*.c.org" = ["203.0.113.7"]',
        '"!c.org" = ["203.0.113.7"]',
        '"c.org:80" = ["203.0.113.7"]',
        '"203.0.113.7" = ["203.0.113.7"]',
        '"c/org\\n" = ["203.0.113.7"]',
    ],
)
def test_a_damaged_lock_is_refused(tmp_path: Path, line: str) -> None:
    found = finding(tmp_path, project(TWO, f"{LOCK}{line}\n"))
    assert found.code == "lock-damaged"
    assert "`forage-gen lock --hosts`" in found.hint


def test_a_section_that_is_none_is_refused(tmp_path: Path) -> None:
    codes = {f.code for f in findings(tmp_path, project(TWO, "version = 1\nhosts = 5\n"))}
    assert codes == {"lock-damaged", "host-not-locked"}


def test_a_build_keeps_the_addresses(tmp_path: Path) -> None:
    found = resolved(tmp_path, project(TWO))
    assert found.lock.render().endswith(LOCK.partition("\n")[2])
    assert "at the addresses that forage.lock has" in in_words(found.plan.sandboxes[0], found)


def test_rules_are_addresses_and_there_is_no_proxy(tmp_path: Path) -> None:
    _, files = planned(tmp_path)
    assert not [path for path in files if "proxy" in path and "web" in path]
    rules = files["nftables/templates/web.nft"]
    elements = rules.partition("add element inet forage t_web_locked")[2]
    assert elements.split("{")[1].split("}")[0].replace(",", " ").split() == [
        *("203.0.113.7", ".", "22", "203.0.113.7", ".", "80", "203.0.113.7", ".", "443"),
        *("203.0.113.8", ".", "80", "203.0.113.8", ".", "443"),
    ]


LOCK_IPV6 = (
    'version = 1\n[hosts]\n"a.org" = ["203.0.113.7", "2001:db8::8", "2001:db8::10"]\n'
    '"b.org" = ["2001:db8::8"]\n'
)


def test_rules_hold_ipv6_addresses_where_sandboxes_have_ipv6(tmp_path: Path) -> None:
    files = project(TWO, LOCK_IPV6)
    files["forage.toml"] = f'ipv6Subnet = "fd5c:3a1e:77b0::/64"\n{FORAGE}'
    found = resolved(tmp_path, files)
    made = {each.path: each.content.decode() for each in emit(found.plan)}
    rules, names = made["nftables/templates/web.nft"], made["resolver/templates/web.conf"]
    six = rules.partition("add element inet forage t_web_locked_v6")[2].split("}")[0]
    assert six.replace(",", " ").split()[1:] == [
        *("2001:db8::8", ".", "22", "2001:db8::8", ".", "80", "2001:db8::8", ".", "443"),
        *("2001:db8::10", ".", "80", "2001:db8::10", ".", "443"),
    ]
    assert "ip6 daddr . tcp dport @t_web_locked_v6 counter goto pass" in rules
    assert "ip6 saddr . tcp sport @t_web_locked_v6 accept" in rules
    assert "ip daddr . tcp dport @t_web_locked counter goto pass" in rules
    assert "host-record=b.org,2001:db8::8\n" in names
    assert found.lock.render().endswith(LOCK_IPV6.partition("\n")[2])


def test_without_ipv6_a_name_needs_an_address_of_ipv4(tmp_path: Path) -> None:
    found = finding(tmp_path / "one", project(TWO, LOCK_IPV6))
    assert (found.code, text_at(found)) == ("host-not-locked", '"b.org:22"')
    _, files = planned(tmp_path / "two", TEMPLATE + '["a.org"]\n', LOCK_IPV6)
    made = [files["nftables/templates/web.nft"], files["resolver/templates/web.conf"]]
    assert "2001:db8" not in "".join(made)


def test_the_resolver_answers_from_the_lock_and_asks_nobody(tmp_path: Path) -> None:
    require("root", "dnsmasq", "nft", "ip", "unshare")
    plan, files = planned(tmp_path)
    (template,) = plan.templates
    server = (str(plan.gateway), template.resolver_port)
    config = files[template.resolver_file]
    assert "server=" not in config
    names = ["a.org", "b.org", "x.a.org", "c.org", "org"]
    found = ask([config], server, names)
    assert found["answers"][0] in {"203.0.113.7", "203.0.113.8"}
    assert found["answers"][1:] == ["203.0.113.7", None, None, None]


def test_a_list_of_many_names_on_one_line_is_planned(tmp_path: Path) -> None:
    # It took a quarter of an hour when each name's place was looked up, finding or not.
    hosts = [f"h{number}.example.org" for number in range(25_000)]
    sandbox = '[sandboxes.app]\ntemplate = "app"\nworkspace = "/srv/app"\n'
    files = {
        "forage.toml": f'user = "alice"\n{sandbox}',
        "templates/app.toml": f'network = "restricted"\nallowedHosts = {json.dumps(hosts)}\n',
    }
    (template,) = resolved(tmp_path, files).plan.templates
    assert [rule.name for rule in template.names] == sorted(hosts)
