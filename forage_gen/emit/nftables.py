"""The fence: nft(8)."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

from forage_gen.artifact import Artifact
from forage_gen.emit.render import render
from forage_gen.quote import nft as q
from forage_gen.resolve import plan as p
from forage_gen.resolve.allocate import QUESTIONS_PORT, UPSTREAM_PORT
from forage_gen.resolve.policy import (
    CONNECTIONS_BURST,
    CONNECTIONS_RATE,
    FAMILY_SUFFIX,
    LIVES,
    names_at,
    port_sets,
)
from forage_gen.resolve.refusals import (
    COUNTED,
    LOG_PREFIX,
    REASONS,
    RECEIVED,
    SENT,
    SPOOFED,
    How,
    Reason,
)
from forage_gen.values.hosts import (
    LAN_NETWORKS_IPV4,
    LAN_NETWORKS_IPV6,
    METADATA_NETWORKS_IPV6,
    PRIVATE_NETWORKS_IPV4,
    PRIVATE_NETWORKS_IPV6,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from forage_gen.quote.nft import NftToken
    from forage_gen.resolve.hosts import Address
    from forage_gen.values.hosts import Network

# The bit of a packet's mark that says that the chain `forward` has judged it. Few use marks
# above 16 bits, and those set them before (wg-quick: 0xca6c) or for other packets.
_JUDGED = q.NftToken("0x40000000")

_LAN = {
    4: q.NftToken.joined(", ", map(q.prefix, LAN_NETWORKS_IPV4)),
    6: q.NftToken.joined(", ", map(q.prefix, LAN_NETWORKS_IPV6)),
}
# What is in these networks, and no part of the local one.
_NOT_LAN = {6: q.NftToken.joined(", ", map(q.prefix, METADATA_NETWORKS_IPV6))}

# Many times what any program keeps open, and a part of what the API proxy can have.
_API_CONNECTIONS = 256


@dataclass(frozen=True, slots=True)
class _NameSet:
    name: NftToken
    lasts: NftToken
    ports: NftToken
    opens: bool


@dataclass(frozen=True, slots=True)
class _AddressSet:
    name: NftToken
    elements: NftToken


@dataclass(frozen=True, slots=True)
class _Links:
    """Networks that the host is in. Those of them that are `private` are other than local."""

    name: NftToken
    private: NftToken


@dataclass(frozen=True, slots=True)
class _Family:
    """What a policy says in the terms of IPv4, or of IPv6.

    `lan` is the local network, less `not_lan`, by fixed prefixes; `links` are sets of the host's
    own networks, which are local as well. `closed` are the sets of what no mode opens, `suffix`
    is what the names of sets that resolvers fill end with.
    """

    ip: NftToken
    type: NftToken
    subnet: NftToken
    lan: NftToken
    not_lan: NftToken | None
    links: tuple[_Links, ...]
    closed: tuple[NftToken, ...]
    suffix: NftToken
    hosts: _AddressSet | None
    services: _AddressSet | None
    locked: _AddressSet | None


@dataclass(frozen=True, slots=True)
class _Ipv6:
    subnet: NftToken
    gateway: NftToken
    translated: bool


@dataclass(frozen=True, slots=True)
class _Refusal:
    comment: NftToken
    counter: NftToken
    chain: NftToken
    side: NftToken
    prefix: NftToken
    verdict: NftToken


# `{ icmp, ipv6-icmp }` would do for both; but a project without IPv6 has the one alone.
_ICMP, _ICMP_BOTH = q.NftToken("icmp"), q.NftToken("{ icmp, ipv6-icmp }")
_ICMPV6_ERRORS = q.NftToken(
    "destination-unreachable, packet-too-big, time-exceeded, parameter-problem"
)

# The sets of what no mode opens, by the version of their addresses: variables, and one by name.
_CLOSED = {4: (q.NftToken("$private"),), 6: (q.NftToken("$private6"), q.NftToken("@links6"))}
_LINKS = {6: (_Links(q.NftToken("links6"), q.NftToken("$private6")),)}

_VERDICTS = {How.TOLD: q.NftToken("goto refuse"), How.DROPPED: q.NftToken("drop")}


def artifacts(plan: p.Plan) -> Iterator[Artifact]:
    """Yield the table, the policy of each template, the map elements of each sandbox."""
    yield _table(plan)
    for template in plan.templates:
        if template.has_network:
            yield _policy(template, plan)
    for sandbox in plan.sandboxes:
        if sandbox.has_link:
            yield _elements(sandbox)


def _table(plan: p.Plan) -> Artifact:
    interface = plan.external_interface
    ipv6 = plan.ipv6
    text = render(
        q.NftToken,
        "nftables/forage.nft.j2",
        private=q.elements(map(q.prefix, PRIVATE_NETWORKS_IPV4), 0, len("define private = ")),
        ipv6=_Ipv6(q.prefix(ipv6.subnet), q.ipv6(ipv6.gateway), ipv6.is_translated)
        if ipv6
        else None,
        private6=q.elements(map(q.prefix, PRIVATE_NETWORKS_IPV6), 0, len("define private6 = ")),
        icmp=_ICMP_BOTH if ipv6 else _ICMP,
        icmpv6_errors=_ICMPV6_ERRORS,
        links=q.string(f"{p.LINKS}.nf[t]"),
        gateway=q.ipv4(plan.gateway),
        judged=_JUDGED,
        admitted=q.NftToken(f"{p.ADMITTED:#x}"),
        subnet=q.prefix(plan.subnet),
        proxy_ports=_ports(_proxy_ports(plan)),
        api_ports=plan.has_api,
        to_api=q.NftToken.joined(
            "",
            [
                q.NftToken("ip daddr "),
                q.ipv4(plan.gateway),
                q.NftToken(" tcp dport "),
                q.port(p.GATEWAY_PORT),
                q.NftToken(" redirect to :iifname map @apis"),
            ],
        ),
        at_api=q.NftToken.joined(
            "",
            [
                q.NftToken("ct status dnat ip daddr "),
                q.ipv4(plan.gateway),
                q.NftToken(" iifname . tcp dport @api_ports goto pass"),
            ],
        ),
        api_connections=q.integer(_API_CONNECTIONS),
        api_uid=q.integer(p.API_UID),
        upstream_ports=_ports(sorted({each.port for each in plan.upstreams})),
        listing_ports=_ports(
            t.resolver_port for t in plan.templates if t.network is p.Network.RESTRICTED
        ),
        proxied=any(template.is_proxied for template in plan.templates),
        proxy_uid=q.integer(p.PROXY_UID),
        upstream_port=q.port(UPSTREAM_PORT),
        questions_port=q.port(QUESTIONS_PORT),
        external_interface=q.interface(interface) if interface else None,
        switched=[q.identifier(name) for name in p.SWITCHED],
        sent=q.identifier(SENT),
        received=q.identifier(RECEIVED),
        spoofed=q.identifier(SPOOFED.counter),
        counters=[q.identifier(reason.counter) for reason in COUNTED],
        refusals=[_refusal(reason) for reason in REASONS if reason.how in _VERDICTS],
    )
    return Artifact("nftables/forage.nft", text.encode())


def _proxy_ports(plan: p.Plan) -> Iterator[int]:
    """List the ports at which proxies listen for sandboxes."""
    for template in plan.templates:
        if template.is_proxied:
            yield from (template.tls_port, template.http_port)
        if template.has_api:
            yield template.api_port


def _refusal(reason: Reason) -> _Refusal:
    return _Refusal(
        comment=q.line_comment(f"For {reason.text}."),
        counter=q.identifier(reason.counter),
        chain=q.identifier(reason.chain),
        side=q.NftToken("oifname" if reason.inward else "iifname"),
        prefix=q.log_prefix(f"{LOG_PREFIX}{reason.key}: "),
        verdict=_VERDICTS[reason.how],
    )


def _policy(template: p.Template, plan: p.Plan) -> Artifact:
    families = [_family(template, plan.subnet)]
    if plan.ipv6:
        families.append(_family(template, plan.ipv6.subnet))
    own_sets = [each for f in families for each in (f.hosts, f.services, f.locked)]
    text = render(
        q.NftToken,
        "nftables/template.nft.j2",
        head=q.line_comment(f"What sandboxes of template {template.name} may reach."),
        proxied=template.is_proxied,
        redirects=q.identifier(redirects(template)),
        tls_port=q.port(template.tls_port),
        http_port=q.port(template.http_port),
        full=template.network is p.Network.FULL,
        lan=template.allow_lan,
        chain=q.identifier(template.nft_name),
        answers=q.identifier(_answers(template)),
        name_sets=[
            _NameSet(
                q.identifier(s.name + life), q.NftToken(lasts), _ports(s.ports), opens=bool(s.ports)
            )
            for s in port_sets(template)
            for life, lasts in LIVES.items()
        ],
        families=families,
        below=_ports(below) if (below := _wildcard_ports(template)) else None,
        rate=q.integer(CONNECTIONS_RATE),
        burst=q.integer(CONNECTIONS_BURST),
        own_sets=[each for each in own_sets if each],
    )
    return Artifact(f"nftables/templates/{template.name}.nft", text.encode())


def _wildcard_ports(template: p.Template) -> tuple[int, ...]:
    """List at which of its ports the proxy may look up names that an agent chooses."""
    return tuple(
        port for port in (p.HTTP, p.TLS) if any(rule.wildcard for rule in names_at(template, port))
    )


def _family(template: p.Template, subnet: Network) -> _Family:
    version = subnet.version
    suffix = FAMILY_SUFFIX[version]
    rules = _outermost(rule for rule in template.addresses if rule.network.version == version)
    hosts = [q.prefix(rule.network) for rule in rules if rule.port is None]
    services = [
        q.NftToken.joined(" . ", [q.prefix(rule.network), q.port(rule.port)])
        for rule in rules
        if rule.port is not None
    ]
    return _Family(
        ip=q.NftToken("ip" if version == 4 else "ip6"),  # noqa: PLR2004
        type=q.NftToken(f"ipv{version}_addr"),
        subnet=q.prefix(subnet),
        lan=_LAN[version],
        not_lan=_NOT_LAN.get(version),
        links=_LINKS.get(version, ()),
        closed=_CLOSED[version],
        suffix=q.NftToken(suffix),
        hosts=_address_set(f"{template.nft_name}_hosts{suffix}", hosts),
        services=_address_set(f"{template.nft_name}_services{suffix}", services),
        locked=_address_set(f"{template.nft_name}_locked{suffix}", _locked(template, version)),
    )


def _outermost(rules: Iterable[p.AddressRule]) -> list[p.AddressRule]:
    """Leave out what lies in another of the same port: nft takes no intervals that overlap.

    Prefixes overlap only if one has the other in it, and it then comes first, in order.
    """
    kept: list[p.AddressRule] = []
    last: dict[int | None, p.AddressRule] = {}
    for rule in rules:
        above = last.get(rule.port)
        if above is None or int(rule.network[-1]) > int(above.network[-1]):
            kept.append(rule)
            last[rule.port] = rule
    return kept


def _locked(template: p.Template, version: int) -> list[NftToken]:
    """List the addresses and ports of the names that were looked up before the build."""
    addresses = {locked.name: locked.addresses for locked in template.locked}
    pairs = {
        (address, port)
        for rule in template.names
        for address in addresses.get(rule.name, ())
        for port in rule.ports
    }
    of_version = [pair for pair in pairs if pair[0].version == version]
    return [
        q.NftToken.joined(" . ", [_address(address), q.port(port)])
        for address, port in sorted(of_version, key=lambda pair: (int(pair[0]), pair[1]))
    ]


def _address(address: Address) -> NftToken:
    return q.ipv4(address) if isinstance(address, IPv4Address) else q.ipv6(address)


def redirects(template: p.Template) -> str:
    """Name the chain that hands a template's connections to its proxy."""
    return f"{template.nft_name}_proxy"


def _answers(template: p.Template) -> str:
    """Name the chain that judges answers to a template's sandboxes that were switched."""
    return f"{template.nft_name}_answers"


def _ports(ports: Iterable[int]) -> NftToken:
    return q.NftToken.joined(", ", map(q.port, ports))


def _address_set(name: str, elements: list[NftToken]) -> _AddressSet | None:
    if not elements:
        return None
    return _AddressSet(q.identifier(name), q.elements(elements))


def _elements(sandbox: p.Sandbox) -> Artifact:
    template = sandbox.template
    text = render(
        q.NftToken,
        "nftables/sandbox.nft.j2",
        head=q.line_comment(f"Sandbox {sandbox.name}, from template {template.name}."),
        interface=q.interface(sandbox.interface),
        address=q.ipv4(sandbox.address),
        ipv6_address=q.ipv6(sandbox.ipv6_address) if sandbox.ipv6_address else None,
        mac=q.mac(sandbox.mac),
        chain=q.identifier(template.nft_name),
        answers=q.identifier(_answers(template)),
        tls_port=q.port(template.tls_port),
        http_port=q.port(template.http_port),
        networked=template.has_network,
        api_port=q.port(template.api_port) if sandbox.routes else None,
        gateway_port=q.port(p.GATEWAY_PORT),
        judges=[
            (q.identifier(map_), q.identifier(judge if template.has_network else closed))
            for (map_, judge), closed in zip(p.SWITCHED.items(), p.CLOSED, strict=True)
        ],
        switched=q.string(f"{p.SWITCHES}/{sandbox.name}.nf[t]"),
        port=q.port(template.resolver_port),
        proxied=template.is_proxied,
        redirects=q.identifier(redirects(template)),
    )
    return Artifact(f"nftables/sandboxes/{sandbox.name}.nft", text.encode())
