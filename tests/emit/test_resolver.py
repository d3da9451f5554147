"""dnsmasq says of each name what the most specific entry of a list says."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from forage_gen.emit.emit import emit
from forage_gen.resolve.allocate import UPSTREAM_PORT
from tests.quote.asking import ask
from tests.read.projects import FORAGE, findings, resolved
from tests.requirements import require

if TYPE_CHECKING:
    from pathlib import Path

ADDRESS = "198.18.0.9"
UPSTREAM = (
    f"no-resolv\nno-hosts\npid-file=\nlisten-address=127.0.0.1\nbind-interfaces\n"
    f"port={UPSTREAM_PORT}\naddress=/org/{ADDRESS}\n"
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


def test_the_most_specific_entry_decides(tmp_path: Path) -> None:
    for entries in valid_lists(tmp_path, 12):
        names = {entry.lstrip("!*.") for entry in entries}
        for _ in range(2):
            names |= {f"{label}.{name}" for name in names for label in LABELS}
        asked = sorted(names)
        plan = resolved(tmp_path, project(entries)).plan
        (template,) = plan.templates
        files = {each.path: each.content.decode() for each in emit(plan)}
        servers = [UPSTREAM, files[template.resolver_file]]
        found = ask(servers, template.resolver_port, asked, address=str(plan.gateway))
        said = dict(zip(asked, (a == ADDRESS for a in found["answers"]), strict=True))
        assert said == {name: is_open(entries, name) for name in asked}, entries
