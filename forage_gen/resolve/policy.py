"""How host names and ports become sets of addresses.

The fence admits an address and a port; a person writes a name and a port. The
resolver puts the addresses of a name into the set of its ports, and the fence
admits what is in that set at those ports. nftables and dnsmasq must agree on the
sets, so they are made here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from forage_gen.resolve.plan import Template

TABLE = "forage"


@dataclass(frozen=True, slots=True)
class PortSet:
    """The addresses of all names of a template that share `ports` (TCP)."""

    name: str
    ports: tuple[int, ...]


def port_sets(template: Template) -> list[PortSet]:
    """Make one set for each combination of ports that the template's names have."""
    combinations = sorted({rule.ports for rule in template.names})
    return [PortSet(set_name(template, ports), ports) for ports in combinations]


def set_name(template: Template, ports: tuple[int, ...]) -> str:
    """Name the set of a combination of ports."""
    return f"{template.nft_name}_p{'_'.join(map(str, ports))}"


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
