"""How host names and ports become what the fence admits.

At ports 443 and 80 a proxy reads the name that is asked for, and lets it pass or not.
At others there is no name to read: the fence admits an address and a port, and a person
writes a name and a port. The resolver puts the addresses of a name into the set of its
ports, and the fence admits what is in that set at those ports. nftables and dnsmasq must
agree on the sets, so they are made here.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from forage_gen.resolve.plan import PROXIED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Literal

    from forage_gen.resolve.plan import NameException, NameRule, Template

TABLE = "forage"

# dnsmasq has little room in a line, and a line has the names of all sets of a name.
_PORTS_SHOWN = 24

FAMILY_SUFFIX = {4: "", 6: "_v6"}
"""What the name of a set ends with, by the version of the addresses in it."""

LIVES = {"": "1h", "_longer": "97m"}
"""How long an address stays in a set, by what is put between the set's name and that ending.

To give out an address again does not lengthen its time (tried on Linux 6.18: only an element with
`timeout` and `expires` does, and dnsmasq gives none): it goes, and comes back when it is given out
next. Who has kept the answer would be refused meanwhile. So it is in two sets, which end in the
same minute but every 97 hours.
"""

CONNECTIONS_RATE, CONNECTIONS_BURST = 25, 500
"""How many connections to ports 443 and 80 a sandbox with a wildcard may open in a second, and at
once: its proxy looks each name up. Of HTTP as many requests, as each can name another host."""

NAMES_A_MINUTE = 60
"""How many different names a sandbox may ask for below one wildcard in a minute; and how many the
proxies look up in a minute that no sandbox has asked for."""

LABEL_MAX, BELOW_MAX = 48, 100
"""How long a label may be that an agent chooses, and all that it chooses of a name, in bytes."""

NAMES_KNOWN = 50_000
"""Of how many names at least is kept in mind that a sandbox has asked for them."""

ANSWER_LASTS = 60
"""For how many seconds at most an answer of the resolver is valid. An address is then in one of
the sets for as long as anybody keeps the answer."""


@dataclass(frozen=True, slots=True)
class PortSet:
    """The addresses of all names of a template that share `ports` (TCP)."""

    name: str
    ports: tuple[int, ...]


def port_sets(template: Template) -> list[PortSet]:
    """Make one set for each combination of ports without a proxy that the names have.

    If there is any, names without such a port get a set as well, which opens nothing: the
    resolver would take them for a part of the name above them.
    """
    combinations = sorted({direct_ports(rule) for rule in template.names})
    if combinations == [()] or template.locked:
        return []
    return [PortSet(set_name(template, ports), ports) for ports in combinations]


def direct_ports(rule: NameRule) -> tuple[int, ...]:
    """List the ports of a name at which no proxy reads names."""
    return tuple(port for port in rule.ports if port not in PROXIED)


def names_at(template: Template, port: int) -> list[NameRule]:
    """List the names that may be reached at a port."""
    return [rule for rule in template.names if port in rule.ports]


def set_name(template: Template, ports: tuple[int, ...]) -> str:
    """Name the set of a combination of ports."""
    shown = "_".join(map(str, ports)) or "none"
    if len(shown) > _PORTS_SHOWN:
        shown = hashlib.sha256(shown.encode()).hexdigest()[:_PORTS_SHOWN]
    return f"{template.nft_name}_p{shown}"


def all_set_names(template: Template, versions: Iterable[Literal[4, 6]]) -> list[str]:
    """Name every set that the resolver of a template fills."""
    return [name for each in port_sets(template) for _, name in sets_of(each.name, versions)]


def sets_of(name: str, versions: Iterable[Literal[4, 6]]) -> list[tuple[Literal[4, 6], str]]:
    """List the sets of one combination of ports, each with the version of its addresses."""
    return [
        (version, f"{name}{life}{FAMILY_SUFFIX[version]}") for version in versions for life in LIVES
    ]


Name = tuple[str, bool]
"""A name, and whether it stands for all names below it instead of itself."""


class Decisions:
    """Which entry of a list decides about a name: the most specific one.

    That is the name itself if it is there, listed or excepted, or else the nearest
    wildcard above it.
    """

    def __init__(self, names: Iterable[NameRule], exceptions: Iterable[NameException]) -> None:
        rules = {(rule.name, rule.wildcard): frozenset(rule.ports) for rule in names}
        closed = {(each.name, each.wildcard): frozenset[int]() for each in exceptions}
        self._ports: Mapping[Name, frozenset[int]] = rules | closed

    def has(self, name: str, *, wildcard: bool) -> bool:
        """Whether the name, or the wildcard below it, is an entry of its own."""
        return (name, wildcard) in self._ports

    def from_above(self, name: str) -> frozenset[int]:
        """The ports that the nearest wildcard above a name opens; none if it is an exception."""
        wildcards = ((parent, True) for parent in above(name))
        return next((self._ports[each] for each in wildcards if each in self._ports), frozenset())

    def allows(self, name: str, port: int) -> bool:
        """Whether a name may be reached at a TCP port."""
        return port in self._ports.get((name, False), self.from_above(name))


def above(name: str) -> Iterator[str]:
    """List the names that `name` is below: `*.NAME` of any of them allows it."""
    while name := name.partition(".")[2]:
        yield name
