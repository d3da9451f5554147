"""The NixOS modules of the tree: what the host imports, and the guest of each template."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from forage_gen.artifact import Artifact
from forage_gen.emit.agents import PATHS as SETTINGS_PATHS
from forage_gen.emit.git import PATH as GITCONFIG
from forage_gen.emit.guest_files import RESOLV_CONF
from forage_gen.emit.render import render
from forage_gen.emit.sources import PATH as SOURCES
from forage_gen.quote import nix as q
from forage_gen.values.packages import source_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from forage_gen.quote.nix import NixToken
    from forage_gen.resolve import plan as p


@dataclass(frozen=True, slots=True)
class _Guest:
    name: NixToken
    path: NixToken


@dataclass(frozen=True, slots=True)
class _Agent:
    name: NixToken
    package: NixToken
    program: NixToken
    wrapper: NixToken


def artifacts(plan: p.Plan) -> Iterator[Artifact]:
    """Yield `default.nix`, and one NixOS module for each template with a NixOS guest."""
    nixos = [template for template in plan.templates if template.rootfs is None]
    text = render(
        q.NixToken,
        "nix/default.nix.j2",
        user=q.string(plan.owner.name),
        uid=q.integer(plan.owner.uid),
        gid=q.integer(plan.owner.gid),
        sandboxes=q.list_of((q.string(s.name) for s in plan.sandboxes), 4, len("sandboxes = ")),
        guests=[
            _Guest(q.attr_name(t.name), q.path_literal(f"./guests/{t.name}.nix")) for t in nixos
        ],
    )
    yield Artifact("default.nix", text.encode())
    for template in nixos:
        yield _guest(template, plan)


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
        init=_file(template.init_file) if template.init_commands else None,
        authorized_keys=_keys(plan),
        agents=[_agent(template, agent) for agent in template.agents],
        etc=[
            _Guest(
                q.attr_name(path.removeprefix("etc/")),
                _file(f"{template.guest_root}/{path}"),
            )
            for path in _etc(template)
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


def _package(path: tuple[str, ...]) -> NixToken:
    # `sources` is what the module calls the attributes of sources.nix.
    return q.attr_path(path if source_of(path) is not None else ("pkgs", *path))


def _file(path: str) -> NixToken:
    """Write the path of a file of the tree as seen from the directory `guests`."""
    return q.path_literal(f"./{path.removeprefix('guests/')}")


def _etc(template: p.Template) -> list[str]:
    paths = {RESOLV_CONF}
    paths |= {SETTINGS_PATHS[agent.settings] for agent in template.agents if agent.settings}
    if template.git_user or template.git_email:
        paths.add(GITCONFIG)
    return sorted(paths)


def _keys(plan: p.Plan) -> NixToken | None:
    keys = [q.string(key) for key in plan.authorized_keys]
    return q.list_of(keys, 4, len("authorizedKeys = ")) if keys else None


def _agent(template: p.Template, agent: p.Agent) -> _Agent:
    return _Agent(
        name=q.attr_name(agent.name),
        package=_package(agent.package),
        program=q.string(agent.program),
        wrapper=_file(template.wrapper_file(agent)),
    )
