"""The NixOS modules of the tree: what the host imports, and the guest of each template."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from forage_gen.artifact import Artifact
from forage_gen.emit.render import render
from forage_gen.emit.sources import PATH as SOURCES
from forage_gen.quote import nix as q
from forage_gen.resolve import plan as p
from forage_gen.values.packages import source_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from forage_gen.quote.nix import NixToken


@dataclass(frozen=True, slots=True)
class _Guest:
    name: NixToken
    path: NixToken


@dataclass(frozen=True, slots=True)
class _Agent:
    name: NixToken
    package: NixToken
    program: NixToken | None


def artifacts(plan: p.Plan) -> Iterator[Artifact]:
    """Yield `default.nix`, and one NixOS module for each template with a NixOS guest."""
    nixos = [template for template in plan.templates if template.rootfs is None]
    text = render(
        q.NixToken,
        "nix/default.nix.j2",
        user=q.string(plan.owner.name),
        uid=q.integer(plan.owner.uid),
        gid=q.integer(plan.owner.gid),
        external_interface=q.string(plan.external_interface) if plan.external_interface else None,
        ipv6_subnet=q.string(str(plan.ipv6.subnet)) if plan.ipv6 else None,
        network=_names(plan, "network", lambda template: template.has_network),
        nix_daemon=_names(plan, "nixDaemon", lambda template: template.nix_daemon),
        store_closure=_names(plan, "storeClosure", lambda t: t.closure is not None),
        shared_users=_names(plan, "sharedUsers", lambda template: not template.private_users),
        token_counts=_names(plan, "tokenCounts", lambda t: t.has_api and plan.audit_tokens),
        sandboxes=q.list_of((q.string(s.name) for s in plan.sandboxes), 4, len("sandboxNames = ")),
        guests=[
            _Guest(q.attr_name(t.name), q.path_literal(f"./guests/{t.name}.nix")) for t in nixos
        ],
    )
    yield Artifact("default.nix", text.encode())
    for template in nixos:
        yield _guest(template, plan)


def _names(plan: p.Plan, key: str, holds: Callable[[p.Template], bool]) -> NixToken:
    """List the templates that something holds for, as the value of a key in `needs`."""
    names = (q.string(template.name) for template in plan.templates if holds(template))
    return q.list_of(names, 6, len(f"{key} = "))


def _guest(template: p.Template, plan: p.Plan) -> Artifact:
    packages = [_package(path) for path in template.packages]
    text = render(
        q.NixToken,
        "nix/guest.nix.j2",
        arguments=_arguments(template),
        template=q.string(template.name),
        uid=q.integer(plan.owner.uid),
        gid=q.integer(plan.owner.gid),
        nix_daemon=q.boolean(template.nix_daemon),
        init=q.boolean(bool(template.init_commands)),
        await_limits=q.boolean(template.private_users),
        ssh_auth_sock=q.string(p.SSH_AUTH_SOCK) if template.ssh else None,
        authorized_keys=_keys(plan),
        agents=[
            _Agent(q.attr_name(agent.name), _package(agent.package), _program(agent))
            for agent in template.agents
        ],
        sources=q.path_literal(f"../{SOURCES}") if template.sources else None,
        packages=q.list_of(packages, 2, len("environment.systemPackages = ")) if packages else None,
    )
    return Artifact(f"guests/{template.name}.nix", text.encode())


def _arguments(template: p.Template) -> NixToken | None:
    """Write the arguments that the module uses, and no others."""
    if template.agents:
        return q.NixToken("{ lib, pkgs, ... }:")
    if template.packages:
        return q.NixToken("{ pkgs, ... }:")
    return None


def _program(agent: p.Agent) -> NixToken | None:
    """Name the program of a source. A package of nixpkgs says itself which is its main one."""
    return q.string(agent.program) if source_of(agent.package) is not None else None


def _package(path: tuple[str, ...]) -> NixToken:
    # `sources` is what the module calls the attributes of sources.nix.
    return q.attr_path(path if source_of(path) is not None else ("pkgs", *path))


def _keys(plan: p.Plan) -> NixToken | None:
    keys = [q.string(key) for key in plan.authorized_keys]
    return q.list_of(keys, 4, len("authorizedKeys = ")) if keys else None
