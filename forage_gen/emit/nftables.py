"""The fence: nft(8)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from forage_gen.artifact import Artifact
from forage_gen.emit.render import render
from forage_gen.quote import nft as q
from forage_gen.resolve import plan as p
from forage_gen.resolve.policy import port_sets
from forage_gen.values.hosts import PRIVATE_NETWORKS_IPV4

if TYPE_CHECKING:
    from collections.abc import Iterator

    from forage_gen.quote.nft import NftToken

_ESTABLISHED = "ct state established,related accept"


@dataclass(frozen=True, slots=True)
class _Set:
    title: NftToken
    name: NftToken
    type: NftToken
    flags: NftToken
    elements: NftToken | None


def artifacts(plan: p.Plan) -> Iterator[Artifact]:
    """Yield the table, the policy of each template, the map elements of each sandbox."""
    yield _table(plan)
    for template in plan.templates:
        if template.has_network:
            yield _policy(template)
    for sandbox in plan.sandboxes:
        if sandbox.template.has_network:
            yield _elements(sandbox)


def _table(plan: p.Plan) -> Artifact:
    interface = plan.external_interface
    text = render(
        q.NftToken,
        "nftables/forage.nft.j2",
        private=q.elements(map(q.prefix, PRIVATE_NETWORKS_IPV4), indent=8, lead=11),
        gateway=q.ipv4(plan.gateway),
        subnet=q.prefix(plan.subnet),
        external_interface=q.interface(interface) if interface else None,
    )
    return Artifact("nftables/forage.nft", text.encode())


def _policy(template: p.Template) -> Artifact:
    sets = list(_sets(template))
    text = render(
        q.NftToken,
        "nftables/template.nft.j2",
        name=q.text(template.name),
        mode=q.text(template.network.value),
        chain=q.identifier(template.nft_name),
        sets=sets,
        rules=list(_rules(template)),
    )
    return Artifact(f"nftables/templates/{template.name}.nft", text.encode())
