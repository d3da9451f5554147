"""dnsmasq says of each name what the most specific entry of a list says."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from forage_gen.emit.emit import emit
from forage_gen.resolve.allocate import QUESTIONS_PORT, UPSTREAM_PORT
from forage_gen.resolve.policy import port_sets
from tests.quote.asking import ask
from tests.read.projects import FORAGE, findings, resolved
from tests.requirements import require

if TYPE_CHECKING:
    from pathlib import Path

    from forage_gen.resolve.plan import Plan

ADDRESS = "198.18.0.9"
UPSTREAM = (
    f"no-resolv\nno-hosts\npid-file=\nlisten-address=127.0.0.1\nbind-interfaces\n"
    f"port={QUESTIONS_PORT}\naddress=/org/{ADDRESS}\n"
)
LABELS = ("a", "b", "xa")


@pytest.fixture(scope="module", autouse=True)
def reader() -> None:
    require("root", "dnsmasq", "nft", "ip", "unshare")


def is_open(entries: list[str], name: str) -> bool:
    """Whether a list opens a name, said in another way than the generator says it."""
    order = [name]
    while name := name.partition(".")[2]:
        order.append(f"*.{name}")
    for entry in order:
        if entry in entries or f"!{entry}" in entries:
            return entry in entries
    return False


def valid_lists(root: Path, count: int) -> list[list[str]]:
    """Make lists of names, wildcards and exceptions that are no mistakes."""
    pick = random.Random(11)  # noqa: S311  # no secret
    found: list[list[str]] = []
    while len(found) < count:
        names = [".".join([*pick.choices(LABELS, k=pick.choice([0, 1, 1, 2, 3])), "x.org"])]
        names += [f"{pick.choice(LABELS)}.{name}" for name in names * 4]
        entries = [f"{pick.choice(['', '*.'])}{name}" for name in names]
        entries = [*{f"{pick.choice(['', '!'])}{entry}" for entry in entries}, "*.x.org"]
        excepts = any(entry.startswith("!") for entry in entries)
        if excepts and not findings(root, project(entries)):
            found.append(entries)
    return found


def project(entries: list[str]) -> dict[str, str]:
    template = f'network = "restricted"\nallowedHosts = {entries}\n'
    return {"forage.toml": FORAGE, "templates/web.toml": template}


# Numbers of types of records; a name server has one of each for a name.
FILTERED = {
    "NULL": 10,
    "HINFO": 13,
    "TXT": 16,
    "AAAA": 28,
    "DNSKEY": 48,
    "OPENPGPKEY": 61,
    "HTTPS": 65,
    "SPF": 99,
    "CAA": 257,
    "iodine's": 65399,
}
LEFT = {"A": 1, "MX": 15, "SRV": 33}
NAME = "016100"
DATA = {"MX": f"0001{NAME}", "SRV": f"000100010001{NAME}"}
RECORDS = UPSTREAM + "".join(
    f"dns-rr=data.x.org,{number},{DATA.get(kind, '61' * 40)}\n"
    for kind, number in (FILTERED | LEFT).items()
)


@pytest.mark.parametrize("kind", FILTERED)
@pytest.mark.parametrize("mode", ["restricted", "full"])
def test_answers_of_types_that_nobody_needs_are_empty(tmp_path: Path, mode: str, kind: str) -> None:
    has_answer = answers(tmp_path, mode, FILTERED[kind])

    assert has_answer == (mode == "full")  # the control


@pytest.mark.parametrize("kind", LEFT)
def test_other_answers_are_left(tmp_path: Path, kind: str) -> None:
    assert answers(tmp_path, "restricted", LEFT[kind])


def answers(root: Path, mode: str, kind: int) -> bool:
    """Whether a resolver answers a question for records of a type."""
    listed = 'allowedHosts = ["data.x.org"]\n' if mode == "restricted" else ""
    plan = resolved(
        root, {"forage.toml": FORAGE, "templates/web.toml": f'network = "{mode}"\n{listed}'}
    ).plan
    (template,) = plan.templates
    # Of a template that lists names, another one is asked. It passes all of this on here.
    behind = (
        RECORDS
        if mode == "restricted"
        else RECORDS.replace(str(QUESTIONS_PORT), str(UPSTREAM_PORT))
    )
    servers = [behind, configuration(root, plan)]
    server = (str(plan.gateway), template.resolver_port)
    return ask(servers, server, ["data.x.org"], kind=kind)["ttls"] != [None]


def configuration(root: Path, plan: Plan) -> str:
    """What the resolver of the one template reads. No sandbox has names of its own."""
    (template,) = plan.templates
    files = {each.path: each.content.decode() for each in emit(plan)}
    (root / "names").mkdir(exist_ok=True)
    return files[template.resolver_file].replace(template.added_names, str(root / "names"))


def test_a_name_with_many_ports_is_looked_up(tmp_path: Path) -> None:
    # dnsmasq has little room in a line, and the sets of a name are named after its ports.
    entries = [f"{name}.x.org:{port}" for name in "ab" for port in range(5000, 5300)]
    plan = resolved(tmp_path, project([*entries, "b.x.org:5999"])).plan
    (template,) = plan.templates
    assert len({each.name for each in port_sets(template)}) == len("ab")

    servers = [UPSTREAM, configuration(tmp_path, plan)]
    found = ask(servers, (str(plan.gateway), template.resolver_port), ["a.x.org", "b.x.org"])
    assert found["answers"] == [ADDRESS, ADDRESS]


LONG = ".".join([*["b" * 63] * 3, "c" * 57, "org"])
ODD = {
    "API.Mixed.ORG": "api.mixed.org",
    "dot.org.": "dot.org",
    "_srv._tcp.under.org": "_srv._tcp.under.org",
    "bücher.org": "xn--bcher-kva.org",
    "a" * 63 + ".org": "a" * 63 + ".org",
    LONG: LONG,
}


def test_odd_names_are_answered_as_they_are_listed(tmp_path: Path) -> None:
    names = list(ODD.values())
    others = [f"{name[:-5]}{'z' if name[-5] != 'z' else 'y'}.org" for name in names]
    plan = resolved(tmp_path, project(list(ODD))).plan
    (template,) = plan.templates
    servers = [UPSTREAM, configuration(tmp_path, plan)]
    server = (str(plan.gateway), template.resolver_port)
    # As names are asked for, in any case.
    asked = [*names, *map(str.upper, names), *others]
    found = ask(servers, server, asked)["answers"]
    assert [answer == ADDRESS for answer in found] == [True] * 2 * len(names) + [False] * len(
        others
    )


def test_the_most_specific_entry_decides(tmp_path: Path) -> None:
    for entries in valid_lists(tmp_path, 12):
        names = {entry.lstrip("!*.") for entry in entries}
        for _ in range(2):
            names |= {f"{label}.{name}" for name in names for label in LABELS}
        asked = sorted(names)
        plan = resolved(tmp_path, project(entries)).plan
        (template,) = plan.templates
        servers = [UPSTREAM, configuration(tmp_path, plan)]
        found = ask(servers, (str(plan.gateway), template.resolver_port), asked)
        said = dict(zip(asked, (a == ADDRESS for a in found["answers"]), strict=True))
        assert said == {name: is_open(entries, name) for name in asked}, entries
