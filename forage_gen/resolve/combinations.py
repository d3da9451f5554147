"""Checks of a merged template that need more than one of its values.

Each function looks at one concern and yields what is wrong. A combination that
would be accepted and then have no effect is an error: its author expects one.
"""

from __future__ import annotations

from ipaddress import IPv6Network
from itertools import combinations
from typing import TYPE_CHECKING

from forage_gen import catalogue
from forage_gen.diagnostics import error
from forage_gen.resolve.apis import check_agent
from forage_gen.resolve.isolation import check_isolation
from forage_gen.resolve.names import (
    agent_hosts,
    agent_kind,
    decisions,
    is_proxied,
    ports_by_name,
)
from forage_gen.resolve.plan import AGENT_HOME, NIX_STORE, WORKSPACE
from forage_gen.resolve.ssh import check_ssh
from forage_gen.values.hosts import AddressHost, ExceptedName, NameHost, is_local, is_private
from forage_gen.values.packages import format_attribute_path
from forage_gen.values.paths import is_at_or_below, overlaps
from forage_gen.values.protected import DEFAULT, protected

if TYPE_CHECKING:
    from collections.abc import Iterator

    from forage_gen.diagnostics import Diagnostic, Location
    from forage_gen.read.locate import KeyPath
    from forage_gen.resolve.inherit import Merged
    from forage_gen.schema.models import Agent, Project, Template
    from forage_gen.values.hosts import AllowedHost, Network


def check_template(merged: Merged, project: Project | None) -> Iterator[Diagnostic]:
    """Yield every finding in a merged template.

    `project` says which networks are the sandboxes' own; None if that is not known.
    """
    yield from _agents(merged)
    yield from _restricted_to_nothing(merged)
    yield from _hosts(merged, project)
    yield from _lan(merged)
    yield from _exceptions(merged)
    yield from _wildcard_ports(merged)
    yield from _mounts(merged)
    yield from _overlaps(merged)
    yield from check_isolation(merged)
    yield from _store(merged)
    yield from _reset(merged)
    yield from check_ssh(merged)


def protected_paths(template: Template) -> tuple[str, ...]:
    """List the protected paths, each once."""
    written = template.protected_paths
    entries = [protected(DEFAULT)] if written is None else written
    return tuple(dict.fromkeys(path for entry in entries for path in entry.paths))


def config_target(agent: Agent) -> str | None:
    """Where an agent's `hostConfigDir` appears inside; None if nobody has said."""
    if agent.container_config_dir is not None:
        return agent.container_config_dir
    kind = agent_kind(agent)
    return f"{AGENT_HOME}/{kind.config_dir}" if kind else None


def has_key_helper(agent: Agent) -> bool:
    """Whether an agent asks a command for its key."""
    kind = agent_kind(agent)
    if agent.secret_name is None or kind is None or not kind.key_helper or is_proxied(agent):
        return False
    return agent.auth_env_var is None if agent.key_helper is None else agent.key_helper


def _agents(merged: Merged) -> Iterator[Diagnostic]:
    first: dict[str, str] = {}
    for name, agent in merged.model.agents.items():
        at = ("agents", name)
        if agent.package is None:
            message = f"The agent `{name}` has no `package`."
            hint = 'Write the nixpkgs attribute of its program: `package = "claude-code"`.'
            yield error("missing-key", message, hint, merged.key(at))
            continue
        kind = agent_kind(agent)
        if kind and kind.package in first:
            message = (
                f"The agents `{first[kind.package]}` and `{name}` are the same program,"
                f" `{kind.package}`, which reads one file of permissions."
            )
            hint = "Put the second into a template of its own."
            yield error("agent-twice", message, hint, merged.value((*at, "package")))
        elif kind:
            first[kind.package] = name
        yield from _permissions(merged, at, agent)
        yield from check_agent(merged, at, agent)
        yield from _credentials(merged, at, agent)
        yield from _key_helper(merged, at, agent)
        yield from _config_dir(merged, at, agent)


def _permissions(merged: Merged, at: KeyPath, agent: Agent) -> Iterator[Diagnostic]:
    rules = agent.permissions
    where = (*at, "permissions")
    if agent_kind(agent) is None and (rules.allow or rules.deny or rules.skip_all):
        message = f"Forage does not know how {_package(agent)} reads permissions."
        hint = f"Remove `permissions`, or use an agent that it knows: {catalogue.known_packages()}."
        yield error("permissions-unknown-agent", message, hint, merged.key(where))
    if rules.skip_all and rules.allow:
        place = merged.key((*where, "skipAll"))
        allow = merged.key((*where, "allow"))
        elsewhere = f" in {allow.file}" if allow.file != place.file else ""
        message = f"`skipAll` allows everything, so `allow`{elsewhere} has no effect."
        hint = "Remove `skipAll`, which is safer, or remove `allow`."
        yield error("skip-all-with-allow", message, hint, place)


def _credentials(merged: Merged, at: KeyPath, agent: Agent) -> Iterator[Diagnostic]:
    if agent.secret_name is None:
        if agent.auth_env_var is not None:
            message = "`authEnvVar` has no effect without `secretName`."
            hint = "Name the secret that goes into it, or remove `authEnvVar`."
            yield error("auth-without-secret", message, hint, merged.key((*at, "authEnvVar")))
    elif agent.auth == "wrapper" and agent.auth_env_var is None and agent_kind(agent) is None:
        message = f"Forage does not know in which variable {_package(agent)} expects its key."
        hint = 'Name the variable: `authEnvVar = "EXAMPLE_API_KEY"`.'
        yield error("missing-key", message, hint, merged.key((*at, "secretName")))


def _key_helper(merged: Merged, at: KeyPath, agent: Agent) -> Iterator[Diagnostic]:
    if not agent.key_helper or (agent.auth == "proxy" and agent.secret_name is not None):
        return
    where = merged.key((*at, "keyHelper"))
    kind = agent_kind(agent)
    if kind is None or not kind.key_helper:
        message = f"Forage does not know how {_package(agent)} asks a command for its key."
        hint = "Remove `keyHelper`: the key is then in a variable of the agent's process alone."
        yield error("key-helper-unknown-agent", message, hint, where)
    elif agent.secret_name is None:
        message = "`keyHelper` has no effect without `secretName`."
        hint = "Name the secret that the command prints, or remove `keyHelper`."
        yield error("auth-without-secret", message, hint, where)
    elif agent.auth_env_var is not None:
        message = "With `keyHelper` the key is in no variable, so `authEnvVar` has no effect."
        hint = "Remove `authEnvVar`, which is safer, or remove `keyHelper`."
        yield error("key-helper-with-variable", message, hint, where)


def _config_dir(merged: Merged, at: KeyPath, agent: Agent) -> Iterator[Diagnostic]:
    if agent.host_config_dir is None:
        for key in ("containerConfigDir", "hostConfigDirReadOnly"):
            if (*at, key) in merged.origins:
                message = f"`{key}` has no effect without `hostConfigDir`."
                hint = (
                    f'Name the directory: `hostConfigDir = "~/.config/agent"`, or remove `{key}`.'
                )
                yield error("config-dir-without-host", message, hint, merged.key((*at, key)))
    elif config_target(agent) is None:
        message = f"Forage does not know where {_package(agent)} looks for its configuration."
        hint = f'Name the place: `containerConfigDir = "{AGENT_HOME}/.config/agent"`.'
        yield error("missing-key", message, hint, merged.key((*at, "hostConfigDir")))


def _package(agent: Agent) -> str:
    return f"`{format_attribute_path(agent.package or ())}`"


def _restricted_to_nothing(merged: Merged) -> Iterator[Diagnostic]:
    template = merged.model
    if (
        template.network == "restricted"
        and not template.allowed_hosts
        and not template.proxies
        and not agent_hosts(template)
        and not any(map(is_proxied, template.agents.values()))
    ):
        message = f"The template `{merged.name}` is `restricted` to nothing: it allows no hosts."
        hint = (
            'Write `network = "none"`, with which APIs are still reached through the proxy, or list'
            ' hosts: `allowedHosts = ["api.example.org"]`.'
        )
        yield error("restricted-without-hosts", message, hint, merged.value(("network",)))


def _hosts(merged: Merged, project: Project | None) -> Iterator[Diagnostic]:
    for index, host in enumerate(merged.model.allowed_hosts):
        # Where it stands is looked up for a finding alone: that takes longer than all else here.
        if wrong := _wrong_host(host, merged, project):
            yield error(*wrong, merged.value(("allowedHosts", index)))


def _wrong_host(
    host: AllowedHost, merged: Merged, project: Project | None
) -> tuple[str, str, str] | None:
    """Return the code, the message and the hint of what is wrong with a host of the list."""
    network = merged.model.network
    if network == "none":
        message = f"`{host.text}` has no effect: the network of `{merged.name}` is `none`."
        hint = 'Remove it, or write `network = "restricted"`.'
        return ("hosts-without-network", message, hint)
    if project and not project.ipv6_subnet and _is_ipv6(host):
        message = f"`{host.text}` is an IPv6 address; sandboxes have none, and reach none."
        hint = (
            "Write the IPv4 address, or the host's name; or give them IPv6 in forage.toml, "
            'such as `ipv6Subnet = "fd5c:3a1e:77b0::/64"`.'
        )
        return ("no-ipv6", message, hint)
    if network == "full" and (wrong := _wrong_in_full(host, merged)):
        return wrong
    if subnet := _own_subnet(host, project):
        key = "ipv6Subnet" if isinstance(subnet, IPv6Network) else "subnet"
        message = f"`{host.text}` overlaps the sandboxes' own subnet, `{subnet}`."
        hint = (
            f"Choose another `{key}`, or a smaller prefix here; sandboxes do not reach each other."
        )
        return ("subnet-collision", message, hint)
    return None


def _wrong_in_full(host: AllowedHost, merged: Merged) -> tuple[str, str, str] | None:
    if isinstance(host, ExceptedName):
        message = (
            f"`{host.text}` has no effect: the network of `{merged.name}` is `full`, which goes"
            " by no names."
        )
        hint = 'Remove it, or write `network = "restricted"` and list what it shall reach.'
        return ("exception-in-full", message, hint)
    if not _is_closed_in_full(host, merged):
        message = (
            f"`{host.text}` has no effect: the network of `{merged.name}` is `full`, which"
            " reaches every public host."
        )
        hint = (
            'Remove it, or write `network = "restricted"`; under `full`, list only private '
            "addresses, such as `10.0.0.5:5432`."
        )
        return ("public-host-in-full", message, hint)
    if merged.model.allow_lan and _is_local(host):
        message = f"`{host.text}` has no effect: `allowLan` opens the whole local network."
        hint = "Remove it, which is enough, or remove `allowLan`, which is safer."
        return ("local-host-with-lan", message, hint)
    return None


def _is_ipv6(host: AllowedHost) -> bool:
    return isinstance(host, AddressHost) and isinstance(host.network, IPv6Network)


def _own_subnet(host: AllowedHost, project: Project | None) -> Network | None:
    """Return what of the sandboxes' own a host lies in, or has in it."""
    if project is None or not isinstance(host, AddressHost):
        return None
    subnet = project.ipv6_subnet if _is_ipv6(host) else project.subnet
    return subnet if subnet and host.network.overlaps(subnet) else None


def _is_closed_in_full(host: AllowedHost, merged: Merged) -> bool:
    """Whether `full` leaves it closed: private, or perhaps in a network that the host is in."""
    if not isinstance(host, AddressHost):
        return False
    return is_private(host.network) or (_is_ipv6(host) and not merged.model.allow_lan)


def _is_local(host: AllowedHost) -> bool:
    return isinstance(host, AddressHost) and is_local(host.network)


def _lan(merged: Merged) -> Iterator[Diagnostic]:
    network = merged.model.network
    if not merged.model.allow_lan or network == "full":
        return
    message = f"`allowLan` has no effect: the network of `{merged.name}` is `{network}`."
    hint = 'Remove it, and list what it shall reach: `allowedHosts = ["192.168.1.20:8080"]`.'
    if network == "none":
        hint = 'Remove it, or write `network = "full"`.'
    yield error("lan-without-full", message, hint, merged.key(("allowLan",)))


def _exceptions(merged: Merged) -> Iterator[Diagnostic]:
    """Refuse what is excepted from nothing, and what is listed as well."""
    template = merged.model
    if template.network != "restricted":
        return
    listed, known = ports_by_name(template), decisions(template)
    for index, host in enumerate(template.allowed_hosts):
        if not isinstance(host, ExceptedName):
            continue
        where = merged.value(("allowedHosts", index))
        if (host.name, host.wildcard) in listed:
            yield _exception_of_listed(merged, host, where)
        elif not known.from_above(host.name):
            message = f"`{host.text}` takes nothing away: no wildcard of the list allows it."
            parent = host.name.partition(".")[2]
            wildcard = f"`*.{parent}`" if "." in parent else "`*.example.org`"
            hint = f"Remove it, or list the wildcard that it is an exception from, as {wildcard}."
            yield error("exception-without-wildcard", message, hint, where)


def _exception_of_listed(merged: Merged, host: ExceptedName, where: Location) -> Diagnostic:
    if not host.wildcard and host.name in agent_hosts(merged.model):
        message = f"`{host.text}` excepts what an agent of the template cannot work without."
        hint = "Remove it, or the agent."
    else:
        message = f"`{host.text}` excepts what the list itself allows."
        hint = (
            "Remove one of the two; what a parent lists is taken away by "
            '`replaces = ["allowedHosts"]`.'
        )
    return error("exception-of-listed", message, hint, where)


def _wildcard_ports(merged: Merged) -> Iterator[Diagnostic]:
    """Refuse `x.org` and `*.x.org` with different ports.

    dnsmasq cannot put the addresses of a name and of what is below it into different
    sets, so each would get the ports of the other.
    """
    ports = ports_by_name(merged.model)
    for index, host in enumerate(merged.model.allowed_hosts):
        if not isinstance(host, NameHost) or not host.wildcard:
            continue
        below, itself = ports.get((host.name, True)), ports.get((host.name, False))
        if below and itself and below != itself:
            message = f"`{host.name}` and `*.{host.name}` are allowed at different ports."
            hint = f"Give both the same ports: {_ports(itself)} or {_ports(below)}."
            yield error("wildcard-ports", message, hint, merged.value(("allowedHosts", index)))


def _ports(ports: set[int]) -> str:
    return ", ".join(map(str, sorted(ports)))


def _mounts(merged: Merged) -> Iterator[Diagnostic]:
    examples = {"containerPath": "/workspace/docs", "hostPath": "~/docs"}
    for name, mount in merged.model.workspace.mounts.items():
        given = {"containerPath": mount.container_path, "hostPath": mount.host_path}
        for key, value in given.items():
            if value is None:
                message = f"The mount `{name}` has no `{key}`."
                hint = f'Write for example `{key} = "{examples[key]}"`.'
                where = merged.key(("workspace", "mounts", name))
                yield error("missing-key", message, hint, where)


def _store(merged: Merged) -> Iterator[Diagnostic]:
    template = merged.model
    if not template.isolation.store_closure:
        return
    where = merged.value(("isolation", "storeClosure"))
    if template.nix_daemon:
        message = (
            "With `nixDaemon`, the sandbox builds with all that the host's store has: "
            "`storeClosure` would hide it."
        )
        hint = "Write `nixDaemon = false`, or remove `storeClosure`."
        yield error("store-closure-with-daemon", message, hint, where)
    if template.rootfs and is_at_or_below(template.rootfs.text, NIX_STORE):
        message = (
            "The `rootfs` is in the store, and may need other paths of it, which nobody lists: "
            "with `storeClosure`, none of them would be there."
        )
        hint = "Use a NixOS guest, whose closure is known, or a `rootfs` outside of the store."
        yield error("store-closure-of-rootfs", message, hint, where)


def _targets(merged: Merged) -> dict[KeyPath, str]:
    """List where things are mounted inside, by the key that says so."""
    found: dict[KeyPath, str] = {}
    for mount_name, mount in merged.model.workspace.mounts.items():
        if mount.container_path is not None:
            found["workspace", "mounts", mount_name, "containerPath"] = mount.container_path
    for agent_name, agent in merged.model.agents.items():
        target = config_target(agent)
        if agent.host_config_dir is not None and target is not None:
            key = "containerConfigDir" if agent.container_config_dir else "hostConfigDir"
            found["agents", agent_name, key] = target
    return found


def _overlaps(merged: Merged) -> Iterator[Diagnostic]:
    found = _targets(merged)
    for (_, one), (key, other) in combinations(found.items(), 2):
        if overlaps(one, other):
            message = f"`{other}` overlaps the mount at `{one}`: one would hide the other."
            hint = "Choose a path outside it."
            yield error("mounts-overlap", message, hint, merged.value(key))
    protected = [f"{WORKSPACE}/{path}" for path in protected_paths(merged.model)]
    for key, target in found.items():
        if target == WORKSPACE:
            message = f"`{WORKSPACE}` is where the workspace itself is."
            hint = f"Choose a path below it, such as `{WORKSPACE}/docs`."
            yield error("mounts-overlap", message, hint, merged.value(key))
            continue
        for path in protected:
            if overlaps(target, path):
                message = f"`{target}` overlaps the protected path `{path}`."
                hint = "Choose a path outside it, or take the path off `protectedPaths`."
                yield error("mounts-overlap", message, hint, merged.value(key))


def _reset(merged: Merged) -> Iterator[Diagnostic]:
    if merged.model.reset_while_attached and merged.model.reset_every is None:
        message = "`resetWhileAttached` has no effect without `resetEvery`."
        hint = 'Say how often: `resetEvery = "daily"`, or remove `resetWhileAttached`.'
        yield error("attached-without-reset", message, hint, merged.key(("resetWhileAttached",)))
