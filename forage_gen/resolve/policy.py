"""How host names and ports become what the fence admits.

At ports 443 and 80 a proxy reads the name that is asked for, and lets it pass or not.
At others there is no name to read: the fence admits an address and a port, and a person
writes a name and a port. The resolver puts the addresses of a name into the set of its
ports, and the fence admits what is in that set at those ports. nftables and dnsmasq must
agree on the sets, so they are made here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from forage_gen.resolve.plan import PROXIED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from forage_gen.resolve.plan import NameRule, Template

TABLE = "forage"


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
    if combinations == [()]:
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
    return f"{template.nft_name}_p{'_'.join(map(str, ports)) or 'none'}"


def allows_name(template: Template, name: str, port: int) -> bool:
    """Whether the template's list allows a name at a TCP port, itself or by a wildcard."""
    higher = set(above(name))
    return any(
        port in rule.ports and (rule.name in higher if rule.wildcard else rule.name == name)
        for rule in template.names
    )


def above(name: str) -> Iterator[str]:
    """List the names that `name` is below: `*.NAME` of any of them allows it."""
    while name := name.partition(".")[2]:
        yield name
