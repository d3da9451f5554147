"""The proxies that enforce names as names: nginx(8)."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

from forage_gen.artifact import Artifact
from forage_gen.emit.render import render
from forage_gen.quote import nginx as q
from forage_gen.resolve.allocate import QUESTIONS_PORT
from forage_gen.resolve.plan import HTTP, TLS
from forage_gen.resolve.policy import CONNECTIONS_BURST, CONNECTIONS_RATE, names_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from forage_gen.quote.nginx import NginxToken
    from forage_gen.resolve import plan as p

_LOOPBACK = IPv4Address("127.0.0.1")


@dataclass(frozen=True, slots=True)
class _Name:
    key: NginxToken
    target: NginxToken


@dataclass(frozen=True, slots=True)
class _Client:
    address: NginxToken
    sandbox: NginxToken


@dataclass(frozen=True, slots=True)
class _Wildcard:
    key: NginxToken
    opens: bool


def artifacts(plan: p.Plan) -> Iterator[Artifact]:
    """Yield the proxy of each template whose sandboxes go by names."""
    for template in plan.templates:
        if template.is_proxied:
            yield _proxy(template, plan)
            yield _clients(template, plan)


def _proxy(template: p.Template, plan: p.Plan) -> Artifact:
    resolver = q.NginxToken.joined(":", [q.address(_LOOPBACK), q.port(QUESTIONS_PORT)])
    text = render(
        q.NginxToken,
        "proxy/template.conf.j2",
        name=q.word(template.name),
        # A tag of syslog is letters, digits and _ (ngx_http_log_module).
        tag=q.word(template.name.replace("-", "_")),
        runtime=q.path(template.proxy_runtime),
        added=q.path(template.added_names),
        resolver=resolver,
        ipv6=plan.ipv6 is not None,
        tls_port=q.port(template.tls_port),
        http_port=q.port(template.http_port),
        excepted=[q.domain(each.name) for each in template.exceptions if not each.wildcard],
        tls=list(_exact(template, TLS)),
        tls_below=_below(template, TLS),
        http=list(_exact(template, HTTP)),
        http_below=_below(template, HTTP),
        rate=q.integer(CONNECTIONS_RATE),
        burst=q.integer(CONNECTIONS_BURST),
    )
    return Artifact(template.proxy_file, text.encode())


def _clients(template: p.Template, plan: p.Plan) -> Artifact:
    clients = list(_addresses(template, plan))
    name = q.word(template.name)
    text = render(q.NginxToken, "proxy/template.clients.j2", name=name, clients=clients)
    return Artifact(template.proxy_clients_file, text.encode())


def _addresses(template: p.Template, plan: p.Plan) -> Iterator[_Client]:
    for sandbox in plan.sandboxes:
        if sandbox.template is not template:
            continue
        for address in (sandbox.address, sandbox.ipv6_address):
            if address is not None:
                yield _Client(q.address(address), q.word(sandbox.name))


def _exact(template: p.Template, port: int) -> Iterator[_Name]:
    for rule in names_at(template, port):
        if not rule.wildcard:
            yield _Name(q.domain(rule.name), q.authority(rule.name, port))


def _below(template: p.Template, port: int) -> list[_Wildcard]:
    """List wildcards and exceptions from them. nginx takes the first that matches."""
    found = [(rule.name, True) for rule in names_at(template, port) if rule.wildcard]
    found += [(each.name, False) for each in template.exceptions if each.wildcard]
    found.sort(key=lambda each: each[0].count("."), reverse=True)
    return [_Wildcard(q.below(name), opens) for name, opens in found]
