"""Rules about what nothing uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from forage_gen.check.rule import Finding, RuleBook, extended, used
from forage_gen.diagnostics import Severity
from forage_gen.values.packages import source_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from forage_gen.resolve.resolve import Resolved

rules = RuleBook()


@rules.project(
    "unused-template",
    Severity.INFO,
    summary="No sandbox uses a template, and no template extends it.",
    why="Whoever reviews the project reads it for nothing, or believes that it is in force.",
    instead='[sandboxes.myproject]\ntemplate = "claude"\nworkspace = "~/projects/myproject"\n',
)
def _unused_template(resolved: Resolved) -> Iterator[Finding]:
    needed = used(resolved) | extended(resolved)
    for name, merged in sorted(resolved.templates.items()):
        if name not in needed:
            message = f"Nothing uses the template `{name}`."
            hint = f'Delete it, or let a sandbox use it: `template = "{name}"`.'
            yield Finding(message, hint, merged.source.key(()))


@rules.project(
    "unused-secret",
    Severity.INFO,
    summary="No agent and no proxy uses a secret.",
    why="A name that nothing uses hides that an agent which should have the secret has none.",
    instead='[agents.claude]\nsecretName = "anthropic"\n',
)
def _unused_secret(resolved: Resolved) -> Iterator[Finding]:
    needed = {
        agent.secret_name
        for merged in resolved.templates.values()
        for agent in merged.model.agents.values()
    } | {merged.model.agent_identity.ssh_secret_name for merged in resolved.templates.values()}
    needed |= {proxy.secret_name for proxy in resolved.inputs.project.proxies.values()}
    for name in resolved.inputs.project.secrets:
        if name not in needed:
            message = f"Nothing uses the secret `{name}`."
            hint = f'Delete the line, or let an agent use it: `secretName = "{name}"`.'
            where = resolved.inputs.project_file.key(("secrets", name))
            yield Finding(message, hint, where)


@rules.project(
    "unused-proxy",
    Severity.INFO,
    summary="No template and no sandbox uses a proxy.",
    why="Its key is named for nothing, and who reads the project takes it to be in use.",
    instead='[sandboxes.myproject]\nproxies = ["github"]\n',
)
def _unused_proxy(resolved: Resolved) -> Iterator[Finding]:
    project = resolved.inputs.project
    needed = {name for merged in resolved.templates.values() for name in merged.model.proxies}
    needed |= {name for sandbox in project.sandboxes.values() for name in sandbox.proxies}
    for name in project.proxies:
        if name not in needed:
            message = f"Nothing uses the proxy `{name}`."
            hint = f'Delete it, or let a sandbox or a template use it: `proxies = ["{name}"]`.'
            yield Finding(message, hint, resolved.inputs.project_file.key(("proxies", name)))


@rules.project(
    "unused-source",
    Severity.INFO,
    summary="No template uses a source.",
    why="It has to be fetched and kept up to date for nothing.",
    instead='[agents.tool]\npackage = "sources.tool"\n',
)
def _unused_source(resolved: Resolved) -> Iterator[Finding]:
    models = [merged.model for merged in resolved.templates.values()]
    paths = [path for model in models for path in model.extra_packages]
    paths += [agent.package for model in models for agent in model.agents.values() if agent.package]
    needed = {source_of(path) for path in paths}
    for name in resolved.inputs.project.sources:
        if name not in needed:
            message = f"No template uses the source `{name}`."
            hint = f'Delete it, or let an agent use it: `package = "sources.{name}"`.'
            where = resolved.inputs.project_file.key(("sources", name))
            yield Finding(message, hint, where)
