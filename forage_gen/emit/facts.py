"""What programs read: `forage.json` inside a sandbox, and the manifest's facts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from forage_gen.artifact import Artifact
from forage_gen.quote import json_text as q
from forage_gen.resolve import plan as p
from forage_gen.resolve.refusals import COUNTED, REASONS, Reason
from forage_gen.values.apis import ApiUrl

if TYPE_CHECKING:
    from collections.abc import Iterator

    from forage_gen.quote.json_text import JsonValue
    from forage_gen.write.manifest import Json


def artifacts(plan: p.Plan) -> Iterator[Artifact]:
    """Yield `forage.json` of each template: what an agent may know about where it is.

    It is the same in all sandboxes of a template. A sandbox's own name is its host name.
    """
    for template in plan.templates:
        content = q.document(_inside(template, plan))
        yield Artifact(template.facts_file, content.encode())


def _inside(template: p.Template, plan: p.Plan) -> JsonValue:
    return {
        "template": template.name,
        "description": template.description,
        "workspace": {
            "path": p.WORKSPACE,
            "readOnly": template.read_only_workspace,
            "protectedPaths": list(template.protected_paths),
        },
        "network": {
            "mode": template.network.value,
            "resolver": str(plan.gateway) if template.has_network else None,
            "allowedHosts": allowed_hosts(template),
            "allowLan": template.allow_lan,
        },
        "apis": [_api(route, plan) for route in template.routes if route.sandboxes is None],
        **({"sshHosts": [each.text for each in template.ssh.hosts]} if template.ssh else {}),
        "nixDaemon": template.nix_daemon,
        "mounts": [
            {"path": mount.target, "readOnly": mount.read_only} for mount in template.mounts
        ],
        "limits": limits(template.limits),
        "resetEvery": template.reset_every,
        "resetWhileAttached": template.reset_while_attached,
    }


def allowed_hosts(template: p.Template) -> list[str]:
    """List what a template's `allowedHosts` and agents add up to, as people write it."""
    hosts: list[str] = []
    for name in template.names:
        shown = f"*.{name.name}" if name.wildcard else name.name
        hosts.extend(f"{shown}:{port}" for port in name.ports)
    hosts.extend(f"!{'*.' * each.wildcard}{each.name}" for each in template.exceptions)
    return hosts + [_address(rule) for rule in template.addresses]


def _address(rule: p.AddressRule) -> str:
    single = rule.network.prefixlen == rule.network.max_prefixlen
    shown = rule.network.network_address if single else rule.network
    if rule.port is None:
        return str(shown)
    return f"[{shown}]:{rule.port}" if rule.network.version == 6 else f"{shown}:{rule.port}"  # noqa: PLR2004


def apis(sandbox: p.Sandbox, plan: p.Plan) -> list[JsonValue]:
    """List the APIs that a sandbox may ask through the proxy, and with which secret."""
    return [{**_api(route, plan), "secret": route.secret} for route in sandbox.routes]


def _api(route: p.Route, plan: p.Plan) -> dict[str, JsonValue]:
    return {
        "name": route.name,
        "url": f"http://{plan.gateway}{route.path}",
        "upstream": api_origin(route),
        "requests": [{"methods": list(each.methods), "path": each.path} for each in route.requests],
    }


def api_origin(route: p.Route) -> str:
    """Write where an API is, as people do."""
    upstream = route.upstream
    return str(ApiUrl(upstream.host, upstream.port, upstream.prefix))


def limits(given: p.Limits) -> dict[str, str | int | None]:
    """List the limits under the names that people write."""
    return {
        "cpuQuota": given.cpu_quota,
        "memoryMax": given.memory_max,
        "tasksMax": given.tasks_max,
        "ioWeight": given.io_weight,
        "diskMax": given.disk_max,
    }


def manifest_facts(plan: p.Plan) -> dict[str, Json]:
    """List what tools on the host need to know of each template and sandbox."""
    return {
        "project": {
            "user": plan.owner.name,
            "uid": plan.owner.uid,
            "gid": plan.owner.gid,
            "subnet": str(plan.subnet),
            "gateway": str(plan.gateway),
            **(
                {"ipv6Subnet": str(plan.ipv6.subnet), "ipv6Gateway": str(plan.ipv6.gateway)}
                if plan.ipv6
                else {}
            ),
        },
        "templates": {
            template.name: {
                "description": template.description,
                "network": template.network.value,
                "allowedHosts": allowed_hosts(template),
                "resolverPort": template.resolver_port if template.has_network else None,
                "apiPort": template.api_port if template.has_api else None,
                "proxyPorts": [template.tls_port, template.http_port]
                if template.is_proxied
                else None,
                "system": template.system,
            }
            for template in plan.templates
        },
        "sandboxes": {
            sandbox.name: {
                "template": sandbox.template.name,
                "unit": sandbox.unit,
                "address": str(sandbox.address) if sandbox.has_link else None,
                **_ipv6_address(sandbox),
                "interface": sandbox.interface if sandbox.has_link else None,
                "macAddress": sandbox.mac if sandbox.has_link else None,
                "uidBase": sandbox.uid_base if sandbox.template.private_users else None,
                "workspace": sandbox.workspace.source,
                "root": sandbox.root,
                "networkNamespace": sandbox.netns,
                "autoStart": sandbox.auto_start,
                "forwardPorts": [str(forward) for forward in sandbox.forwards],
                "apis": _apis(sandbox, plan),
            }
            for sandbox in plan.sandboxes
        },
        "refusals": {reason.key: _refusal(reason) for reason in REASONS},
        "sources": {source.name: pinned(source) for source in plan.sources},
    }


def _apis(sandbox: p.Sandbox, plan: p.Plan) -> list[Json]:
    """List them as the manifest has them, for who looks after the host."""
    return [
        {
            "name": route.name,
            "url": f"http://{plan.gateway}{route.path}",
            "upstream": api_origin(route),
            "secret": route.secret,
        }
        for route in sandbox.routes
    ]


def _ipv6_address(sandbox: p.Sandbox) -> dict[str, Json]:
    if sandbox.ipv6_address is None:
        return {}
    return {"ipv6Address": str(sandbox.ipv6_address)}


def _refusal(reason: Reason) -> dict[str, Json]:
    return {
        "text": reason.text,
        "counter": reason.counter if reason in COUNTED else None,
        "inward": reason.inward,
        "remedy": reason.remedy,
    }


def pinned(source: p.Source) -> dict[str, Json]:
    """Say where a source comes from, and what it holds."""
    return {
        "type": source.type.value,
        "url": source.url,
        "rev": source.rev,
        "hash": source.hash,
    }
