"""Builds the plan from what was read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from forage_gen import catalogue
from forage_gen.diagnostics import Diagnostic, InvalidProjectError, Severity, error
from forage_gen.read.explain_errors import closest
from forage_gen.resolve import plan as p
from forage_gen.resolve.allocate import (
    EMPTY,
    RESOLVER_PORT_FIRST,
    RESOLVER_PORTS,
    UID_FIRST,
    UID_RANGES,
    Lock,
    allocate,
    read_lock,
)
from forage_gen.resolve.combinations import check_template, config_target
from forage_gen.resolve.inherit import Merged, merge_templates
from forage_gen.values.hosts import AddressHost, NameHost
from forage_gen.values.subnets import subnet_capacity

if TYPE_CHECKING:
    from collections.abc import Mapping
    from ipaddress import IPv4Network

    from forage_gen.read.load import Inputs
    from forage_gen.read.source import SourceFile
    from forage_gen.schema import models as m

DEFAULT_PORTS = (80, 443)
DEFAULT_PROTECTED_PATHS = (".git/hooks", ".git/config")


@dataclass(frozen=True)
class Resolved:
    """A plan, the lock that goes with it, what it was made from, and warnings on the way."""

    plan: p.Plan
    lock: Lock
    inputs: Inputs
    templates: Mapping[str, Merged]
    warnings: tuple[Diagnostic, ...]


def resolve(inputs: Inputs, lock_file: SourceFile | None) -> Resolved:
    """Decide everything.

    Raises:
        InvalidProjectError: with every finding.
    """
    old, found = read_lock(lock_file) if lock_file else (EMPTY, [])
    merged, problems = merge_templates(inputs.templates)
    found += problems
    for template in merged.values():
        found += check_template(template, inputs.project)
    found += _check_sandboxes(inputs)
    lock = _allocate(inputs, old, found)
    if any(finding.severity is Severity.ERROR for finding in found):
        raise InvalidProjectError(found)
    plan = _plan(inputs, merged, lock)
    found += _shared_workspaces(plan, inputs)
    return Resolved(plan, lock, inputs, merged, tuple(found))


def _check_sandboxes(inputs: Inputs) -> list[Diagnostic]:
    found = []
    known = sorted(inputs.templates)
    for name, sandbox in inputs.project.sandboxes.items():
        if sandbox.template not in inputs.templates:
            where = inputs.project_file.value(("sandboxes", name, "template"))
            close = closest(sandbox.template, known)
            listed = ", ".join(f"`{template}`" for template in known) or "none yet"
            hint = f"Did you mean `{close}`?" if close else f"The templates are: {listed}."
            message = f"There is no template `{sandbox.template}`."
            found.append(error("no-such-template", message, hint, where))
    return found


def _allocate(inputs: Inputs, old: Lock, found: list[Diagnostic]) -> Lock:
    project = inputs.project
    room = min(subnet_capacity(project.subnet), UID_RANGES)
    used = {sandbox.template for sandbox in project.sandboxes.values()}
    try:
        sandboxes = allocate(old.sandboxes, project.sandboxes, room)
    except OverflowError:
        message = (
            f"The subnet {project.subnet} has room for {room:,} sandboxes; "
            f"the project has {len(project.sandboxes):,}."
        )
        hint = _larger_subnet(project.subnet, len(project.sandboxes))
        where = inputs.project_file.value(("subnet",))
        found.append(error("subnet-full", message, hint, where))
        sandboxes = {}
    try:
        templates = allocate(old.templates, used, RESOLVER_PORTS)
    except OverflowError:
        message = f"{len(used)} templates are in use; there are resolver ports for 512."
        hint = "Let sandboxes share templates."
        found.append(error("too-many-templates", message, hint, inputs.project_file.start()))
        templates = {}
    return Lock(sandboxes, templates)


def _larger_subnet(subnet: IPv4Network, wanted: int) -> str:
    if wanted > UID_RANGES:
        return f"A host has user ids for {UID_RANGES:,} sandboxes. Use several hosts."
    larger = subnet
    while subnet_capacity(larger) < wanted:
        larger = larger.supernet()
    return f'Write a larger one, such as `subnet = "{larger}"`.'


def _plan(inputs: Inputs, merged: Mapping[str, Merged], lock: Lock) -> p.Plan:
    project = inputs.project
    home = project.home.text if project.home else f"/home/{project.user}"
    owner = p.Owner(project.user, project.uid, project.gid, home)
    templates = {
        name: _template(merged[name], number, owner) for name, number in lock.templates.items()
    }
    sandboxes = tuple(
        _sandbox(
            name,
            project.sandboxes[name],
            templates[project.sandboxes[name].template],
            slot,
            project,
            owner,
        )
        for name, slot in sorted(lock.sandboxes.items())
    )
    return p.Plan(
        owner=owner,
        subnet=project.subnet,
        gateway=project.subnet.network_address + 1,
        external_interface=project.external_interface,
        authorized_keys=tuple(str(key) for key in project.authorized_keys),
        templates=tuple(templates[name] for name in sorted(templates)),
        sandboxes=sandboxes,
    )


def _template(merged: Merged, number: int, owner: p.Owner) -> p.Template:
    model = merged.model
    agents = tuple(_agent(name, agent) for name, agent in sorted(model.agents.items()))
    limits = model.resource_limits
    return p.Template(
        name=merged.name,
        description=model.description or merged.name,
        network=p.Network(model.network),
        names=_name_rules(model, agents),
        addresses=_address_rules(model),
        nft_name="t_" + merged.name.replace("-", "_"),
        resolver_port=RESOLVER_PORT_FIRST + number,
        packages=tuple(dict.fromkeys(model.extra_packages)),
        agents=agents,
        init_commands=tuple(model.init_commands),
        nix_daemon=model.nix_daemon,
        read_only_workspace=model.read_only_workspace,
        protected_paths=_protected(model),
        mounts=_mounts(model, owner),
        limits=p.Limits(
            cpu_quota=limits.cpu_quota.text if limits.cpu_quota else None,
            memory_max=limits.memory_max.text if limits.memory_max else None,
            tasks_max=limits.tasks_max.count if limits.tasks_max else None,
            disk_max=limits.disk_max.size,
        ),
        private_users=model.isolation.private_users,
        syscalls_allowed=model.isolation.syscall_filter.allow,
        syscalls_denied=model.isolation.syscall_filter.deny,
        git_user=model.agent_identity.git_user,
        git_email=model.agent_identity.git_email,
        reset_every=model.reset_every,
        rootfs=model.rootfs.expand(owner.home) if model.rootfs else None,
    )


def _protected(model: m.Template) -> tuple[str, ...]:
    if model.read_only_workspace:
        return ()  # the whole workspace is protected
    written = model.protected_paths
    return tuple(dict.fromkeys(DEFAULT_PROTECTED_PATHS if written is None else written))


def _agent(name: str, agent: m.Agent) -> p.Agent:
    package = agent.package or ()
    kind = catalogue.BY_PACKAGE.get(".".join(package))
    rules = agent.permissions
    variable = agent.auth_env_var or (kind.auth_env_var if kind else None)
    return p.Agent(
        name=name,
        package=package,
        program=kind.program if kind else package[-1],
        secret=agent.secret_name,
        auth_env_var=variable if agent.secret_name else None,
        hosts=kind.hosts if kind else (),
        settings=kind.settings if kind else None,
        permissions=p.Permissions(
            tuple(map(str, rules.allow)), tuple(map(str, rules.deny)), rules.skip_all
        ),
    )


def _name_rules(model: m.Template, agents: tuple[p.Agent, ...]) -> tuple[p.NameRule, ...]:
    if model.network != "restricted":
        return ()
    ports: dict[tuple[str, bool], set[int]] = {}
    for agent in agents:
        for host in agent.hosts:
            ports.setdefault((host, False), set()).update(DEFAULT_PORTS)
    for allowed in model.allowed_hosts:
        if isinstance(allowed, NameHost):
            wanted = DEFAULT_PORTS if allowed.port is None else (allowed.port,)
            ports.setdefault((allowed.name, allowed.wildcard), set()).update(wanted)
    for (name, _), numbers in ports.items():
        # What a wildcard opens, a rule for a name below it does not close.
        for (above, wildcard), more in ports.items():
            if wildcard and name.endswith(f".{above}"):
                numbers |= more
    return tuple(
        p.NameRule(name, wildcard, tuple(sorted(numbers)))
        for (name, wildcard), numbers in sorted(ports.items())
    )


def _address_rules(model: m.Template) -> tuple[p.AddressRule, ...]:
    rules = {
        p.AddressRule(host.network, host.port)  # type: ignore[arg-type]  # no IPv6 gets here
        for host in model.allowed_hosts
        if isinstance(host, AddressHost)
    }
    return tuple(sorted(rules, key=lambda rule: (rule.network, rule.port or 0)))


def _sandbox(  # noqa: PLR0913  one call, one place where a sandbox comes together
    name: str,
    sandbox: m.Sandbox,
    template: p.Template,
    slot: int,
    project: m.Project,
    owner: p.Owner,
) -> p.Sandbox:
    secrets = sorted({agent.secret for agent in template.agents if agent.secret})
    return p.Sandbox(
        name=name,
        template=template,
        slot=slot,
        address=project.subnet.network_address + 2 + slot,
        interface=f"fg-{slot}",
        uid_base=UID_FIRST + slot * p.UIDS_PER_SANDBOX,
        workspace=p.Bind(
            source=sandbox.workspace.expand(owner.home),
            staging=f"{p.RUNTIME}/workspaces/{name}",
            target=p.WORKSPACE,
            read_only=template.read_only_workspace,
        ),
        mounts=tuple(
            p.Bind(
                source=mount.source,
                staging=f"{p.RUNTIME}/mounts/{name}/{mount.name}",
                target=mount.target,
                read_only=mount.read_only,
            )
            for mount in template.mounts
        ),
        secrets=tuple(p.Secret(secret, project.secrets[secret]) for secret in secrets),  # type: ignore[index]
        auto_start=sandbox.auto_start,
    )


def _mounts(model: m.Template, owner: p.Owner) -> tuple[p.Mount, ...]:
    """List what is mounted besides the workspace. No two of them overlap."""
    mounts = [
        p.Mount(name, mount.host_path.expand(owner.home), mount.container_path, mount.read_only)
        for name, mount in sorted(model.workspace.mounts.items())
        if mount.host_path is not None and mount.container_path is not None
    ]
    for name, agent in sorted(model.agents.items()):
        target = config_target(agent)
        if agent.host_config_dir is not None and target is not None:
            source = agent.host_config_dir.expand(owner.home)
            # The names of a mount and an agent may be equal; neither has a dot.
            mount_name = f"{name}.config"
            mounts.append(p.Mount(mount_name, source, target, agent.host_config_dir_read_only))
    return tuple(mounts)


def _shared_workspaces(plan: p.Plan, inputs: Inputs) -> list[Diagnostic]:
    """Warn where what one sandbox writes is another's workspace, or part of it."""
    found = []
    above: list[p.Sandbox] = []
    # Sorted by path parts, everything below a directory follows it at once.
    for sandbox in sorted(plan.sandboxes, key=lambda s: (s.workspace.source.split("/"), s.name)):
        path = sandbox.workspace.source
        while above and not _is_at_or_below(path, above[-1].workspace.source):
            above.pop()
        if above and not (sandbox.workspace.read_only and above[-1].workspace.read_only):
            found.append(_shared(sandbox, above[-1], inputs))
        above.append(sandbox)
    return found


def _is_at_or_below(path: str, ancestor: str) -> bool:
    return path == ancestor or path.startswith(f"{ancestor}/")


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
