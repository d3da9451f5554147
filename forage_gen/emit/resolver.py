"""The resolvers: dnsmasq(8), and dnsdist(1) between them."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import TYPE_CHECKING

from forage_gen.artifact import Artifact
from forage_gen.emit.render import render, unchanged
from forage_gen.quote import dnsmasq as q
from forage_gen.resolve import plan as p
from forage_gen.resolve.allocate import QUESTIONS_PORT, UPSTREAM_PORT
from forage_gen.resolve.policy import (
    ANSWER_LASTS,
    TABLE,
    Decisions,
    direct_ports,
    port_sets,
    set_name,
    sets_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from forage_gen.quote.dnsmasq import DnsmasqToken

_LOOPBACK = q.address(IPv4Address("127.0.0.1"))
_UPSTREAM = q.DnsmasqToken.joined("#", [_LOOPBACK, q.port(UPSTREAM_PORT)])
QUESTIONS = q.DnsmasqToken.joined("#", [_LOOPBACK, q.port(QUESTIONS_PORT)])
"""Whom the resolvers ask of templates that list names."""


def artifacts(plan: p.Plan) -> Iterator[Artifact]:
    """Yield the resolver that asks the host's name servers, and one for each template.

    Between them is what looks at the questions.
    """
    upstream = render(
        q.DnsmasqToken,
        "resolver/upstream.conf.j2",
        port=q.port(UPSTREAM_PORT),
        gateway=q.address(plan.gateway),
        apis=[q.domain(host) for host in sorted({each.host for each in plan.upstreams})],
    )
    yield Artifact(p.UPSTREAM_FILE, upstream.encode())
    # What differs is in its environment, and in the names.
    yield Artifact(p.QUESTIONS_FILE, unchanged(f"{p.QUESTIONS_FILE}.j2"))
    names = render(q.DnsmasqToken, "resolver/names.j2", names=list(_chosen(plan)))
    yield Artifact(p.NAMES_FILE, names.encode())
    for template in plan.templates:
        if template.has_network:
            yield _resolver(template, plan)


def _chosen(plan: p.Plan) -> Iterator[DnsmasqToken]:
    """Write below which names an agent may choose names, and which of these are listed."""
    rules = {rule for each in plan.templates if not each.locked for rule in each.names}
    wildcards = {rule.name for rule in rules if rule.wildcard}
    for name in sorted(wildcards):
        yield q.below(name)
    for name in sorted({rule.name for rule in rules if not rule.wildcard}):
        labels = name.split(".")
        if any(".".join(labels[start:]) in wildcards for start in range(1, len(labels))):
            yield q.domain(name)


def _resolver(template: p.Template, plan: p.Plan) -> Artifact:
    text = render(
        q.DnsmasqToken,
        "resolver/template.conf.j2",
        name=q.domain(template.name),
        port=q.port(template.resolver_port),
        gateway=q.address(plan.gateway),
        upstream=_UPSTREAM,
        everything=template.network is p.Network.FULL,
        ipv6=plan.ipv6 is not None,
        answer_lasts=q.DnsmasqToken(str(ANSWER_LASTS)) if port_sets(template) else None,
        added=q.path(template.added_names) if template.is_proxied else None,
        lines=list(_locked(template) if template.locked else _lines(template, plan)),
    )
    return Artifact(template.resolver_file, text.encode())


def _locked(template: p.Template) -> Iterator[DnsmasqToken]:
    """Write the answers that the lock has. Nobody is asked for any name."""
    for locked in template.locked:
        # So that it has no records of other types, rather than being refused for them.
        yield _line("local=/", q.domain(locked.name), "/")
        for address in locked.addresses:
            yield _line("host-record=", q.domain(locked.name), ",", q.address(address))


def _lines(template: p.Template, plan: p.Plan) -> Iterator[DnsmasqToken]:
    """Write what each name needs. dnsmasq lets the longest matching domain decide.

    `server=/NAME/` and `local=/NAME/` are for NAME and all below it. So the other half is
    put back to what the wildcards above NAME say, unless it is an entry of its own: below
    an exact name, and the name of a wildcard itself.
    """
    sets = port_sets(template)
    decisions = Decisions(template.names, template.exceptions)
    for rule in template.names:
        name = q.domain(rule.name)
        other = decisions.has(rule.name, wildcard=not rule.wildcard)
        is_closed = not other and not decisions.from_above(rule.name)
        if rule.wildcard:
            yield _line("server=/", q.below(rule.name), "/", QUESTIONS)
            if is_closed:
                yield _line("local=/", name, "/")
        else:
            yield _line("server=/", name, "/", QUESTIONS)
            if is_closed:
                yield _line("address=/", q.below(rule.name), "/")
        if sets:
            set_ = set_name(template, direct_ports(rule))
            yield _line("nftset=", q.nftset(rule.name, TABLE, sets_of(set_, plan.versions)))
    for each in template.exceptions:
        itself, below = q.domain(each.name), q.below(each.name)
        yield _line("local=/", below if each.wildcard else itself, "/")
        # It takes away from a wildcard above, so the other half is open.
        if not decisions.has(each.name, wildcard=not each.wildcard):
            yield _line("server=/", itself if each.wildcard else below, "/", QUESTIONS)


def _line(*parts: str) -> DnsmasqToken:
    # Constants of dnsmasq's syntax between tokens of it.
    tokens = [part if isinstance(part, q.DnsmasqToken) else q.DnsmasqToken(part) for part in parts]
    return q.DnsmasqToken.joined("", tokens)
