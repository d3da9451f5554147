"""Checks of a merged template that need more than one of its values.

Each function looks at one concern and yields what is wrong. A combination that
would be accepted and then have no effect is an error: its author expects one.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from forage_gen import catalogue
from forage_gen.diagnostics import Diagnostic, error
from forage_gen.read.explain_errors import closest
from forage_gen.resolve.plan import AGENT_HOME, WORKSPACE
from forage_gen.values.hosts import AddressHost, NameHost, is_private
from forage_gen.values.paths import overlaps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from forage_gen.read.locate import KeyPath
    from forage_gen.resolve.inherit import Merged
    from forage_gen.schema.models import Agent, Project

IPV4 = 4


def check_template(merged: Merged, project: Project) -> Iterator[Diagnostic]:
    """Yield every finding in a merged template."""
    for check in (_agents, _network, _wildcard_ports, _mounts, _overlaps):
        yield from check(merged, project)


def _agents(merged: Merged, project: Project) -> Iterator[Diagnostic]:
    kinds: dict[str, str] = {}
    for name, agent in merged.model.agents.items():
        at = ("agents", name)
        if agent.package is None:
            message = f"The agent `{name}` has no `package`."
            hint = 'Write the nixpkgs attribute of its program: `package = "claude-code"`.'
            yield error("missing-key", message, hint, merged.key(at))
            continue
        package = ".".join(agent.package)
        kind = catalogue.BY_PACKAGE.get(package)
        if kind and package in kinds:
            message = (
                f"The agents `{kinds[package]}` and `{name}` are the same program, `{package}`,"
                " which reads one file of permissions."
            )
            hint = "Put the second into a template of its own."
            yield error("agent-twice", message, hint, merged.value((*at, "package")))
        kinds.setdefault(package, name)
        yield from _permissions(merged, at, agent, kind)
        yield from _credentials(merged, at, agent, kind, project)
        yield from _config_dir(merged, at, agent, kind)


def _permissions(
    merged: Merged, at: KeyPath, agent: Agent, kind: catalogue.AgentKind | None
) -> Iterator[Diagnostic]:
    rules = agent.permissions
    where = (*at, "permissions")
    if kind is None and (rules.allow or rules.deny or rules.skip_all):
        message = f"Forage does not know how `{'.'.join(agent.package or ())}` reads permissions."
        hint = f"Remove `permissions`, or use an agent that it knows: {catalogue.known_packages()}."
        yield error("permissions-unknown-agent", message, hint, merged.key(where))
    if rules.skip_all and rules.allow:
        message = "`skipAll` allows everything, so `allow` has no effect."
        hint = "Remove `skipAll` (safer), or remove `allow`."
        yield error("skip-all-with-allow", message, hint, merged.key((*where, "skipAll")))


def _credentials(
    merged: Merged, at: KeyPath, agent: Agent, kind: catalogue.AgentKind | None, project: Project
) -> Iterator[Diagnostic]:
    secret = agent.secret_name
    if secret is None:
        if agent.auth_env_var is not None:
            message = "`authEnvVar` has no effect without `secretName`."
            hint = "Name the secret that goes into it, or remove `authEnvVar`."
            yield error("auth-without-secret", message, hint, merged.key((*at, "authEnvVar")))
        return
    if secret not in project.secrets:
        close = closest(secret, list(project.secrets))
        hint = (
            f"Did you mean `{close}`?"
            if close
            else f'Add it to forage.toml: `[secrets]`, `{secret} = "/run/secrets/{secret}"`.'
        )
        message = f"There is no secret `{secret}`."
        yield error("no-such-secret", message, hint, merged.value((*at, "secretName")))
    if agent.auth_env_var is None and kind is None:
        message = f"In which variable does `{'.'.join(agent.package or ())}` expect its key?"
        hint = 'Write it: `authEnvVar = "EXAMPLE_API_KEY"`.'
        yield error("missing-key", message, hint, merged.key((*at, "secretName")))


def _config_dir(
    merged: Merged, at: KeyPath, agent: Agent, kind: catalogue.AgentKind | None
) -> Iterator[Diagnostic]:
    if agent.host_config_dir is None:
        for key in ("containerConfigDir", "hostConfigDirReadOnly"):
            if merged.origin((*at, key)) and (*at, key) in merged.origins:
                message = f"`{key}` has no effect without `hostConfigDir`."
                hint = f'Name the directory: `hostConfigDir = "~/.config/agent"`, or remove `{key}`.'
                yield error("config-dir-without-host", message, hint, merged.key((*at, key)))
    elif agent.container_config_dir is None and kind is None:
        message = f"Where does `{'.'.join(agent.package or ())}` look for its configuration?"
        hint = f'Write it: `containerConfigDir = "{AGENT_HOME}/.config/agent"`.'
        yield error("missing-key", message, hint, merged.key((*at, "hostConfigDir")))


def _network(merged: Merged, project: Project) -> Iterator[Diagnostic]:
    template = merged.model
    needs_host = any(
        ".".join(agent.package or ()) in catalogue.BY_PACKAGE for agent in template.agents.values()
    )
    if template.network == "restricted" and not template.allowed_hosts and not needs_host:
        message = "`restricted` without `allowedHosts` reaches nothing."
        hint = 'Write `network = "none"`, or list hosts: `allowedHosts = ["api.example.org"]`.'
        yield error("restricted-without-hosts", message, hint, merged.value(("network",)))
    for index, host in enumerate(template.allowed_hosts):
        where = merged.value(("allowedHosts", index))
        if template.network == "none":
            message = f"`{host.text}` has no effect: the network is `none`."
            hint = 'Remove it, or write `network = "restricted"`.'
            yield error("hosts-without-network", message, hint, where)
            continue
        if isinstance(host, AddressHost) and host.network.version != IPV4:
            message = f"`{host.text}` is an IPv6 address; sandboxes have none, and reach none."
            yield error("no-ipv6", message, "Write the IPv4 address, or the host's name.", where)
            continue
        if isinstance(host, AddressHost) and host.network.overlaps(project.subnet):
            message = f"`{host.text}` overlaps the sandboxes' own subnet, {project.subnet}."
            hint = "Sandboxes do not reach each other. Choose another `subnet`, or a smaller prefix."
            yield error("subnet-collision", message, hint, where)
        if template.network == "full" and _is_public(host):
            message = f"`{host.text}` has no effect: `full` reaches every public host."
            hint = (
                "Remove it, or write `network = \"restricted\"`; under `full`, list only private "
                "addresses, such as `10.0.0.5:5432`."
            )
            yield error("public-host-in-full", message, hint, where)


def _wildcard_ports(merged: Merged, _project: Project) -> Iterator[Diagnostic]:
    """Refuse `x.org` and `*.x.org` with different ports.

    dnsmasq cannot put the addresses of a name and of what is below it into different
    sets, so each would get the ports of the other.
    """
    ports: dict[tuple[str, bool], set[int | None]] = {}
    for host in merged.model.allowed_hosts:
        if isinstance(host, NameHost):
            ports.setdefault((host.name, host.wildcard), set()).add(host.port)
    for index, host in enumerate(merged.model.allowed_hosts):
        if isinstance(host, NameHost) and host.wildcard:
            other = ports.get((host.name, False))
            if other is not None and other != ports[(host.name, True)]:
                message = f"`{host.name}` and `*.{host.name}` are allowed at different ports."
                hint = "Give both the same ports."
                where = merged.value(("allowedHosts", index))
                yield error("wildcard-ports", message, hint, where)


def _is_public(host: NameHost | AddressHost) -> bool:
    return isinstance(host, NameHost) or not is_private(host.network)


def _mounts(merged: Merged, _project: Project) -> Iterator[Diagnostic]:
    examples = {"containerPath": "/workspace/docs", "hostPath": "~/docs"}
    for name, mount in merged.model.workspace.mounts.items():
        at = ("workspace", "mounts", name)
        given = {"containerPath": mount.container_path, "hostPath": mount.host_path}
        for key, value in given.items():
            if value is None:
                message = f"The mount `{name}` has no `{key}`."
                hint = f'Write for example `{key} = "{examples[key]}"`.'
                yield error("missing-key", message, hint, merged.key(at))


def targets(merged: Merged) -> dict[KeyPath, str]:
    """List where things are mounted inside, by the key that says so."""
    found: dict[KeyPath, str] = {}
    for name, mount in merged.model.workspace.mounts.items():
        if mount.container_path is not None:
            found[("workspace", "mounts", name, "containerPath")] = mount.container_path
    for name, agent in merged.model.agents.items():
        if agent.host_config_dir is not None:
            key = "containerConfigDir" if agent.container_config_dir else "hostConfigDir"
            if target := config_target(agent):
                found[("agents", name, key)] = target
    return found


def config_target(agent: Agent) -> str | None:
    """Where an agent's `hostConfigDir` appears inside; None if nobody has said."""
    if agent.container_config_dir is not None:
        return agent.container_config_dir
    kind = catalogue.BY_PACKAGE.get(".".join(agent.package or ()))
    return f"{AGENT_HOME}/{kind.config_dir}" if kind else None


def _overlaps(merged: Merged, _project: Project) -> Iterator[Diagnostic]:
    found = targets(merged)
    for (_, one), (key, other) in combinations(found.items(), 2):
        if overlaps(one, other):
            message = f"`{other}` overlaps the mount at `{one}`: one would hide the other."
            hint = "Choose a path outside it."
            yield error("mounts-overlap", message, hint, merged.value(key))
    protected = [f"{WORKSPACE}/{path}" for path in merged.model.protected_paths or ()]
    for key, target in found.items():
        if target == WORKSPACE:
            message = f"`{WORKSPACE}` is where the workspace itself is."
            hint = f"Choose a path below it, such as `{WORKSPACE}/docs`."
            yield error("mounts-overlap", message, hint, merged.value(key))
        for path in protected:
            if overlaps(target, path):
                message = f"`{target}` overlaps the protected path `{path}`."
                hint = "Choose a path outside it, or take the path off `protectedPaths`."
                yield error("mounts-overlap", message, hint, merged.value(key))
