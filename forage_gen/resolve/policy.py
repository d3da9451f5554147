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
    from forage_gen.resolve.plan import NameRule, Template

TABLE = "forage"


@dataclass(frozen=True, slots=True)
class PortSet:
    """The addresses of all names of a template that share `ports` (TCP)."""

    name: str
    ports: tuple[int, ...]


def port_sets(template: Template) -> list[PortSet]:
    """Make one set for each combination of ports that the template's names have."""
    return [PortSet(set_name(template, ports), ports) for ports in _combinations(template)]


def set_name(template: Template, ports: tuple[int, ...]) -> str:
    """Name the set of a combination of ports."""
    return f"{template.nft_name}_p{'_'.join(map(str, ports))}"


def _combinations(template: Template) -> list[tuple[int, ...]]:
    return sorted({rule.ports for rule in template.names})


def covers(wildcard: NameRule, name: str) -> bool:
    """Whether `*.NAME` allows `name`: any depth below it, but not NAME itself."""
    return wildcard.wildcard and name.endswith(f".{wildcard.name}")
