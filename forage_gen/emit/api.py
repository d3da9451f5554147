"""The API proxy, which asks APIs with keys that no sandbox has: nginx(8)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

from forage_gen.artifact import Artifact
from forage_gen.emit.render import render, unchanged
from forage_gen.quote import nginx as q
from forage_gen.resolve import plan as p
from forage_gen.resolve.allocate import UPSTREAM_PORT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from forage_gen.quote.nginx import NginxToken

_LOOPBACK = IPv4Address("127.0.0.1")

# What names a client or carries a credential. None of it is the sandbox's to say.
_DROPPED = (
    *("Authorization", "Proxy-Authorization", "X-Api-Key", "Api-Key", "X-Goog-Api-Key"),
    *("Private-Token", "X-Auth-Token", "Cookie", "Forwarded", "X-Forwarded-For"),
    *("X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip", "Via"),
)


@dataclass(frozen=True, slots=True)
class _Upstream:
    name: NginxToken
    authority: NginxToken


@dataclass(frozen=True, slots=True)
class _Client:
    address: NginxToken
    sandbox: NginxToken
    template: NginxToken


@dataclass(frozen=True, slots=True)
class _Route:
    name: NginxToken
    path: NginxToken
    may: NginxToken
    requests: tuple[NginxToken, ...]
    sandboxes: tuple[NginxToken, ...] | None
    upstream: NginxToken
    host: NginxToken
    authority: NginxToken
    origin: NginxToken
    prefix: NginxToken
    secret: NginxToken
    key: NginxToken
    header: NginxToken
    scheme: NginxToken | None
    dropped: tuple[NginxToken, ...]


def artifacts(plan: p.Plan) -> Iterator[Artifact]:
    """Yield the proxy's configuration, who its clients are, and what it does for each template."""
    if not plan.has_api:
        return
    upstreams = [_Upstream(_upstream(each), _authority(each)) for each in plan.upstreams]
    text = render(
        q.NginxToken,
        "api/nginx.conf.j2",
        runtime=q.path(p.API_RUNTIME),
        keys=q.path(p.API_KEYS),
        ca_bundle=q.path(p.CA_BUNDLE),
        logs={name: q.path(f"{p.AUDIT}/{name}.log") for name in p.AUDIT_LOGS},
        resolver=q.NginxToken.joined(":", [q.address(_LOOPBACK), q.port(UPSTREAM_PORT)]),
        ipv6=plan.ipv6 is not None,
        upstreams=upstreams,
        tokens=plan.audit_tokens,
    )
    yield Artifact(p.API_CONF, text.encode())
    for name in p.AUDIT_LOGS:
        path = f"{p.API}/logrotate/{name}.conf"
        yield Artifact(path, unchanged(f"{path}.j2"))
    clients = [
        _Client(q.address(sandbox.address), q.word(sandbox.name), q.word(sandbox.template.name))
        for sandbox in plan.sandboxes
        if sandbox.routes
    ]
    text = render(q.NginxToken, "api/clients.conf.j2", clients=clients)
    yield Artifact(p.API_CLIENTS, text.encode())
    for secret in plan.api_secrets:
        text = render(
            q.NginxToken,
            "api/closed.conf.j2",
            secret=q.secret(secret.name),
            key=q.variable(p.key_variable(secret.name)),
        )
        yield Artifact(f"{p.API}/closed/{secret.name}.conf", text.encode())
    for template in plan.templates:
        if template.has_api:
            yield _server(template, tokens=plan.audit_tokens)


def _server(template: p.Template, *, tokens: bool) -> Artifact:
    limits = template.api_limits
    text = render(
        q.NginxToken,
        "api/template.conf.j2",
        name=q.word(template.name),
        port=q.port(template.api_port),
        rate=q.integer(limits.requests_per_minute),
        burst=q.integer(max(1, limits.requests_per_minute // 2)),
        # When there is room for another one, in whole seconds.
        retry_after=q.integer(max(1, -(-60 // limits.requests_per_minute))),
        concurrent=q.integer(limits.concurrent_requests),
        body_max=q.integer(limits.body_max // 1024),
        tokens=tokens,
        routes=[_route(template, number) for number in range(len(template.routes))],
    )
    return Artifact(template.api_file, text.encode())


def _route(template: p.Template, number: int) -> _Route:
    route = template.routes[number]
    return _Route(
        name=q.word(route.name),
        path=q.uri(route.path),
        may=q.variable(f"may_{p.variable_of(template.name)}_{number}"),
        requests=tuple(q.request(each.methods, route.path, each.path) for each in route.requests),
        sandboxes=None if route.sandboxes is None else tuple(map(q.word, route.sandboxes)),
        upstream=_upstream(route.upstream),
        host=q.domain(route.upstream.host),
        authority=_authority(route.upstream),
        origin=q.origin(route.upstream.host, route.upstream.port),
        prefix=q.uri(route.upstream.prefix),
        secret=q.secret(route.secret),
        key=q.variable(p.key_variable(route.secret)),
        header=q.header(route.header),
        scheme=q.scheme(route.scheme) if route.scheme else None,
        dropped=tuple(q.header(name) for name in _DROPPED if name.lower() != route.header.lower()),
    )


def _authority(upstream: p.Upstream) -> NginxToken:
    return q.authority(upstream.host, upstream.port)


def _upstream(upstream: p.Upstream) -> NginxToken:
    """Name an upstream, by what fits into the name of a zone of shared memory."""
    digest = hashlib.sha256(f"{upstream.host}:{upstream.port}".encode()).hexdigest()
    return q.word(f"up-{digest[:16]}")
