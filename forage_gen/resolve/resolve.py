"""Builds the plan from what was read."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from forage_gen.diagnostics import Diagnostic, InvalidProjectError, Severity, error
from forage_gen.resolve import plan as p
from forage_gen.resolve.allocate import (
    API_PORT_FIRST,
    EMPTY,
    HTTP_PORT_FIRST,
    RESOLVER_PORT_FIRST,
    RESOLVER_PORTS,
    TLS_PORT_FIRST,
    UID_FIRST,
    UID_RANGES,
    Lock,
    allocate,
    read_lock,
)
from forage_gen.resolve.apis import agent_path, check_environment, environment, routes, secrets
from forage_gen.resolve.combinations import (
    check_template,
    config_target,
    has_key_helper,
    protected_paths,
)
from forage_gen.resolve.config_dirs import check_config_dirs
from forage_gen.resolve.forwards import check_forwards
from forage_gen.resolve.hosts import Addresses, check_hosts, usable, wanted
from forage_gen.resolve.inherit import Merged, merge_templates
from forage_gen.resolve.isolation import dropped, user_namespaces
from forage_gen.resolve.names import (
    agent_kind,
    direct_hosts,
    is_proxied,
    name_exceptions,
    name_rules,
)
from forage_gen.resolve.nesting import check_nesting
from forage_gen.resolve.pins import check_pins
from forage_gen.resolve.services import check_services
from forage_gen.resolve.shared import check_shared
from forage_gen.resolve.sources import check_sources, plan_sources
from forage_gen.resolve.ssh import plan_ssh
from forage_gen.values.hosts import AddressHost
from forage_gen.values.paths import is_at_or_below
from forage_gen.values.subnets import subnet_capacity

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from ipaddress import IPv4Network

    from forage_gen.read.load import Inputs
    from forage_gen.schema import models as m


@dataclass(frozen=True)
class Resolved:
    """A plan, the lock that goes with it, what it was made from, and warnings on the way."""

    plan: p.Plan
    lock: Lock
    inputs: Inputs
    templates: Mapping[str, Merged]
    warnings: tuple[Diagnostic, ...]


def resolve(inputs: Inputs) -> Resolved:
    """Decide everything.

    Raises:
        InvalidProjectError: with every finding, those of `load` among them.
    """
    old, found = read_lock(inputs.lock_file) if inputs.lock_file else (EMPTY, [])
    merged, problems = merge_templates(inputs.templates)
    found += [*inputs.found, *problems]
    project = inputs.sound_project
    known = usable(old.hosts, ipv6=project is None or project.ipv6_subnet is not None)
    sound = {}
    for name, template in merged.items():
        problems = list(check_template(template, project))
        problems += check_hosts(template, known)
        found += problems
        if not problems:
            sound[name] = template
    if project:
        found += _check_room(inputs, project)
        found += check_environment(inputs, merged)
    found += check_sources(inputs)
    found += check_pins(inputs, old.sources)
    if found or project is None:
        found += _check_what_is_sound(inputs, project, sound)
        # A template's finding comes once more with each template that inherits it.
        raise InvalidProjectError(found)
    lock = _allocate(project, old)
    plan = replace(_plan(project, merged, lock), sources=plan_sources(inputs, lock.sources))
    if problems := list(_check_paths(plan, inputs, merged)):
        raise InvalidProjectError(problems)
    return Resolved(plan, lock, inputs, merged, tuple(_shared_workspaces(plan, inputs)))


def _check_what_is_sound(
    inputs: Inputs, project: m.Project | None, sound: Mapping[str, Merged]
) -> Iterator[Diagnostic]:
    """Find what the plan would show, in the sandboxes that there could be one of."""
    if project is None:
        return
    sandboxes = {name: each for name, each in project.sandboxes.items() if each.template in sound}
    part = project.model_copy(update={"sandboxes": sandboxes})
    with suppress(OverflowError):  # there are more than there are numbers, which is found already
        yield from _check_paths(_plan(part, sound, _allocate(part, EMPTY)), inputs, sound)


def _check_paths(
    plan: p.Plan, inputs: Inputs, templates: Mapping[str, Merged]
) -> Iterator[Diagnostic]:
    yield from check_nesting(plan, inputs, templates)
    yield from check_services(plan, inputs, templates)
    yield from check_config_dirs(plan, templates)
    yield from check_shared(plan, inputs)
    yield from check_forwards(plan, inputs)


def _check_room(inputs: Inputs, project: m.Project) -> Iterator[Diagnostic]:
    sandboxes, room = len(project.sandboxes), subnet_capacity(project.subnet)
    where = inputs.project_file.value(("subnet",)) if sandboxes > min(room, UID_RANGES) else None
    if where is not None and sandboxes > UID_RANGES:
        message = (
            f"A host has user ids for {UID_RANGES:,} sandboxes; the project has {sandboxes:,}."
        )
        yield error("too-many-sandboxes", message, "Use several hosts.", where)
    elif where is not None:
        message = (
            f"The subnet `{project.subnet}` has room for {room:,} sandboxes; the project has "
            f"{sandboxes:,}."
        )
        hint = f'Write a larger one, such as `subnet = "{_larger(project.subnet, sandboxes)}"`.'
        yield error("subnet-full", message, hint, where)
    used = len(_used_templates(project))
    if used > RESOLVER_PORTS:
        message = (
            f"A host has ports for the resolvers of {RESOLVER_PORTS:,} templates; the project "
            f"uses {used:,}."
        )
        hint = "Let sandboxes share templates."
        yield error("too-many-templates", message, hint, inputs.project_file.start())


def _larger(subnet: IPv4Network, sandboxes: int) -> IPv4Network:
    # Every private network has room for as many sandboxes as a host has user ids for.
    while subnet_capacity(subnet) < sandboxes:
        subnet = subnet.supernet()
    return subnet


def _used_templates(project: m.Project) -> set[str]:
    return {sandbox.template for sandbox in project.sandboxes.values()}


def _allocate(project: m.Project, old: Lock) -> Lock:
    room = min(subnet_capacity(project.subnet), UID_RANGES)
    return Lock(
        allocate(old.sandboxes, project.sandboxes, room),
        allocate(old.templates, _used_templates(project), RESOLVER_PORTS),
        old.sources,
        old.hosts,
    )


def _plan(project: m.Project, merged: Mapping[str, Merged], lock: Lock) -> p.Plan:
    home = project.home.expand("") if project.home else f"/home/{project.user}"
    owner = p.Owner(project.user, project.uid, project.gid, home)
    hosts = usable(lock.hosts, ipv6=project.ipv6_subnet is not None)
    templates = {
        name: replace(
            _template(merged[name], number, owner, hosts),
            routes=routes(name, merged[name].model, project),
        )
        for name, number in sorted(lock.templates.items())
    }
    sandboxes = tuple(
        _sandbox(
            _Place(name, lock.sandboxes[name], project, owner),
            sandbox,
            templates[sandbox.template],
            environment(sandbox, merged[sandbox.template].model, project),
        )
        for name, sandbox in sorted(project.sandboxes.items())
    )
    return p.Plan(
        owner=owner,
        subnet=project.subnet,
        gateway=project.subnet.network_address + 1,
        external_interface=project.external_interface,
        authorized_keys=tuple(str(key) for key in project.authorized_keys),
        templates=tuple(templates.values()),
        sandboxes=sandboxes,
        ipv6=p.Ipv6(project.ipv6_subnet) if project.ipv6_subnet else None,
        api_secrets=tuple(_secrets(project, secrets(templates.values()))),
        audit_max=project.audit_max.size,
        audit_tokens=project.audit_tokens,
    )


def _template(
    merged: Merged, number: int, owner: p.Owner, hosts: Mapping[str, Addresses]
) -> p.Template:
    model = merged.model
    limits = model.resource_limits
    return p.Template(
        name=merged.name,
        description=model.description or merged.name,
        network=p.Network(model.network),
        names=name_rules(model),
        exceptions=name_exceptions(model),
        locked=tuple(p.LockedName(name, hosts.get(name, ())) for name in wanted(model)),
        addresses=_address_rules(model),
        allow_lan=model.allow_lan,
        nft_name="t_" + merged.name.replace("-", "_"),
        resolver_port=RESOLVER_PORT_FIRST + number,
        tls_port=TLS_PORT_FIRST + number,
        http_port=HTTP_PORT_FIRST + number,
        packages=tuple(dict.fromkeys(model.extra_packages)),
        agents=tuple(_agent(name, agent) for name, agent in sorted(model.agents.items())),
        init_commands=tuple(model.init_commands),
        nix_daemon=model.nix_daemon,
        read_only_workspace=model.read_only_workspace,
        # In a workspace that is read-only as a whole, there is nothing left to protect.
        protected_paths=() if model.read_only_workspace else protected_paths(model),
        mounts=tuple(_mounts(model, owner)),
        limits=p.Limits(
            cpu_quota=limits.cpu_quota.text if limits.cpu_quota else None,
            memory_max=limits.memory_max.text if limits.memory_max else None,
            tasks_max=limits.tasks_max.count if limits.tasks_max else None,
            io_weight=limits.io_weight,
            disk_max=limits.disk_max.size,
        ),
        private_users=model.isolation.private_users,
        user_namespaces=user_namespaces(model.isolation),
        capabilities_dropped=dropped(model.isolation),
        syscall_profile=model.isolation.syscall_filter.profile,
        apparmor=model.isolation.apparmor,
        store_closure=model.isolation.store_closure,
        syscalls_allowed=model.isolation.syscall_filter.allow,
        syscalls_denied=model.isolation.syscall_filter.deny,
        git_user=model.agent_identity.git_user,
        git_email=model.agent_identity.git_email,
        ssh=plan_ssh(model),
        reset_every=model.reset_every,
        reset_while_attached=model.reset_while_attached,
        rootfs=model.rootfs.expand(owner.home) if model.rootfs else None,
        api_port=API_PORT_FIRST + number,
        api_limits=p.ApiLimits(
            requests_per_minute=model.api_limits.requests_per_minute,
            concurrent_requests=model.api_limits.concurrent_requests,
            body_max=model.api_limits.body_max.size,
        ),
    )


def _agent(name: str, agent: m.Agent) -> p.Agent:
    package = agent.package or ()
    kind = agent_kind(agent)
    rules = agent.permissions
    helps = has_key_helper(agent)
    variable = agent.auth_env_var or (kind.auth_env_var if kind else None)
    secret = None if is_proxied(agent) else agent.secret_name
    return p.Agent(
        name=name,
        package=package,
        program=kind.program if kind else package[-1],
        secret=secret,
        auth_env_var=variable if secret and not helps else None,
        key_helper=helps,
        hosts=direct_hosts(agent),
        settings=kind.settings if kind else None,
        permissions=p.Permissions(
            tuple(map(str, rules.allow)), tuple(map(str, rules.deny)), rules.skip_all
        ),
        proxied=p.Proxied(
            path=agent_path(name),
            base_url=kind.proxied.base_url,
            placeholder=agent.auth_env_var or kind.proxied.placeholder,
        )
        if kind and is_proxied(agent)
        else None,
    )


def _address_rules(model: m.Template) -> tuple[p.AddressRule, ...]:
    rules = {
        p.AddressRule(host.network, host.port)
        for host in model.allowed_hosts
        if isinstance(host, AddressHost)
    }
    return tuple(sorted(rules, key=_order))


def _order(rule: p.AddressRule) -> tuple[int, int, int, int]:
    network = rule.network
    return (network.version, int(network.network_address), network.prefixlen, rule.port or 0)


@dataclass(frozen=True, slots=True)
class _Place:
    """What a sandbox has of its own, and what it shares with all others."""

    name: str
    slot: int
    project: m.Project
    owner: p.Owner


def _sandbox(
    place: _Place, sandbox: m.Sandbox, template: p.Template, variables: Mapping[str, str]
) -> p.Sandbox:
    used = {agent.secret for agent in template.agents}
    ipv6 = place.project.ipv6_subnet if template.has_network else None
    return p.Sandbox(
        name=place.name,
        template=template,
        slot=place.slot,
        address=place.project.subnet.network_address + 2 + place.slot,
        interface=f"fg-{place.slot}",
        uid_base=UID_FIRST + place.slot * p.UIDS_PER_SANDBOX,
        workspace=p.Bind(
            source=sandbox.workspace.expand(place.owner.home),
            staging=f"{p.RUNTIME}/workspaces/{place.name}",
            target=p.WORKSPACE,
            read_only=template.read_only_workspace,
        ),
        mounts=tuple(
            p.Bind(
                source=mount.source,
                staging=f"{p.RUNTIME}/mounts/{place.name}/{mount.name}",
                target=mount.target,
                read_only=mount.read_only,
            )
            for mount in template.mounts
        ),
        secrets=tuple(_secrets(place.project, used)),
        auto_start=sandbox.auto_start,
        restart_if_changed=sandbox.restart_if_changed,
        forwards=tuple(sandbox.forward_ports),
        ipv6_address=ipv6[2 + place.slot] if ipv6 else None,
        environment=tuple(variables.items()),
        ssh_key=next(_secrets(place.project, {template.ssh.secret}), None)
        if template.ssh
        else None,
        proxied_secrets=tuple(
            _secrets(
                place.project,
                {route.secret for route in template.routes if route.is_for(place.name)},
            )
        ),
    )


def _secrets(project: m.Project, used: Collection[str | None]) -> Iterator[p.Secret]:
    for name, path in sorted(project.secrets.items()):
        if name in used:
            yield p.Secret(name, path)


def _mounts(model: m.Template, owner: p.Owner) -> Iterator[p.Mount]:
    """List what is mounted besides the workspace. No two of them overlap."""
    for mount_name, mount in sorted(model.workspace.mounts.items()):
        if mount.host_path is not None and mount.container_path is not None:
            source = mount.host_path.expand(owner.home)
            yield p.Mount(mount_name, source, mount.container_path, mount.read_only)
    for agent_name, agent in sorted(model.agents.items()):
        target = config_target(agent)
        if agent.host_config_dir is not None and target is not None:
            # The names of a mount and an agent may be equal; neither has a dot.
            name = f"{agent_name}.config"
            source = agent.host_config_dir.expand(owner.home)
            yield p.Mount(name, source, target, agent.host_config_dir_read_only)


def _shared_workspaces(plan: p.Plan, inputs: Inputs) -> Iterator[Diagnostic]:
    """Warn where what one sandbox writes is another's workspace, or part of it."""
    # The sandboxes whose workspaces contain the current one, outermost first; each
    # with the innermost of them, up to itself, that is writable.
    above: list[tuple[p.Sandbox, p.Sandbox | None]] = []
    # Sorted by path parts, everything below a directory follows it at once.
    for sandbox in sorted(plan.sandboxes, key=lambda s: (s.workspace.source.split("/"), s.name)):
        path = sandbox.workspace.source
        while above and not is_at_or_below(path, above[-1][0].workspace.source):
            above.pop()
        outer, writable = above[-1] if above else (None, None)
        other = writable if sandbox.workspace.read_only else outer
        if other is not None:
            yield _shared(sandbox, other, inputs)
        above.append((sandbox, writable if sandbox.workspace.read_only else sandbox))


def _shared(sandbox: p.Sandbox, other: p.Sandbox, inputs: Inputs) -> Diagnostic:
    same = sandbox.workspace.source == other.workspace.source
    relation = "the workspace" if same else "part of the workspace"
    message = (
        f"This is also {relation} of `{other.name}`: what the agent in one of them writes, the "
        "agent in the other reads and may obey."
    )
    hint = "Give each a clone or a worktree of its own, or let both only read it."
    where = inputs.project_file.value(("sandboxes", sandbox.name, "workspace"))
    return Diagnostic(Severity.WARNING, "workspace-shared", message, hint, where)
