"""Units and drop-ins: systemd.unit(5) and its companions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from forage_gen.artifact import Artifact
from forage_gen.emit.apparmor import PROFILE
from forage_gen.emit.render import render
from forage_gen.quote import systemd as q
from forage_gen.resolve import plan as p
from forage_gen.resolve.allocate import QUESTIONS_PORT, UPSTREAM_PORT
from forage_gen.resolve.policy import (
    BELOW_MAX,
    LABEL_MAX,
    NAMES_A_MINUTE,
    NAMES_KNOWN,
    TABLE,
    all_set_names,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from forage_gen.emit.triggers import Triggers
    from forage_gen.quote.systemd import SystemdToken
    from forage_gen.values.forwards import Forward

UNITS = "systemd/system"

# Where units find programs: NixOS's system profile, then where other distributions have them.
TOOL_PATH = (
    "/run/current-system/sw/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
)

_SHARED = (
    "forage-prepare@.service",
    "forage-netns@.service",
    "forage-limits@.service",
    "forage-link@.service",
    "forage-store@.service",
    "forage-nix@.service",
    "forage-ssh-agent@.service",
    "forage-firewall.service",
    "forage-mend.service",
    "forage-mend.timer",
    "forage-upstream.service",
    "forage-questions.service",
    "forage-resolver@.service",
    "forage-proxy@.service",
    "forage-reason@.service",
    "forage-reset@.service",
    "forage-sweep.service",
    "forage.target",
)


def artifacts(plan: p.Plan, triggers: Triggers) -> Iterator[Artifact]:
    """Yield the units that all sandboxes share, then those of each template and sandbox."""
    # Made once: digests of the rules are of every sandbox.
    shared: dict[str, SystemdToken | list[SystemdToken] | bool] = {
        "tool_path": q.plain(TOOL_PATH),
        "tree": q.plain(p.TREE),
        "placeholders": q.plain(p.PLACEHOLDERS),
        "rules": q.plain(triggers.rules()),
        "subnets": [q.plain(str(subnet)) for subnet in plan.subnets],
        "admitted": q.plain(f"{p.ADMITTED:#x}"),
        "upstream": q.plain(triggers.files(p.UPSTREAM_FILE)),
        "questions": q.plain(triggers.files(p.QUESTIONS_FILE, p.NAMES_FILE)),
        "questions_file": q.plain(p.QUESTIONS_FILE),
        "names_file": q.plain(p.NAMES_FILE),
        "questions_port": q.integer(QUESTIONS_PORT),
        "upstream_port": q.integer(UPSTREAM_PORT),
        "names_a_minute": q.integer(NAMES_A_MINUTE),
        "names_known": q.integer(NAMES_KNOWN),
        "label_max": q.integer(LABEL_MAX),
        "below_max": q.integer(BELOW_MAX),
        "ipv6": plan.ipv6 is not None,
    }
    for name in _SHARED:
        text = render(q.SystemdToken, f"systemd/{name}.j2", **shared)
        yield Artifact(f"{UNITS}/{name}", text.encode())
    users = render(
        q.SystemdToken,
        "systemd/sysusers.conf.j2",
        proxy_uid=q.integer(p.PROXY_UID),
        api_uid=q.integer(p.API_UID),
    )
    yield Artifact("systemd/sysusers.d/forage.conf", users.encode())
    text = render(q.SystemdToken, "systemd/base.conf.j2", stopped=q.plain(p.STOPPED))
    yield Artifact(f"{UNITS}/systemd-nspawn@.service.d/forage.conf", text.encode())
    if plan.has_api:
        yield from _api(plan, triggers)
    for template in plan.templates:
        if template.has_network:
            yield _resolver(template, plan, triggers)
        if template.is_proxied:
            yield _proxy(template, triggers)
    for sandbox in plan.sandboxes:
        yield from _sandbox(sandbox, plan, triggers)


def _sandbox(sandbox: p.Sandbox, plan: p.Plan, triggers: Triggers) -> Iterator[Artifact]:
    mounts = list(_mounts(sandbox, plan.owner))
    yield from mounts
    for forward in sandbox.forwards:
        yield from _forward(sandbox, forward)
    own = [_ssh_agent(sandbox, sandbox.ssh_key)] if sandbox.ssh_key else []
    yield from own
    yield _drop_in(sandbox, triggers.sandbox(sandbox, [*mounts, *own]))
    if sandbox.template.reset_every is not None:
        yield _timer(sandbox, sandbox.template.reset_every)
        if sandbox.template.reset_while_attached:
            yield _reset_at_once(sandbox)
    if sandbox.auto_start:
        yield _start_with_host(sandbox)


def _resolver(template: p.Template, plan: p.Plan, triggers: Triggers) -> Artifact:
    text = render(
        q.SystemdToken,
        "systemd/resolver.conf.j2",
        tree=q.plain(p.TREE),
        digest=q.plain(triggers.files(template.resolver_file)),
        table=q.plain(TABLE),
        sets=[q.plain(name) for name in all_set_names(template, plan.versions)],
        filters=template.network is p.Network.RESTRICTED,
        added=q.plain(template.added_names) if template.is_proxied else None,
    )
    return Artifact(f"{UNITS}/{template.resolver_unit}.d/forage.conf", text.encode())


def _proxy(template: p.Template, triggers: Triggers) -> Artifact:
    digest = q.plain(triggers.files(template.proxy_file))
    text = render(q.SystemdToken, "systemd/proxy.conf.j2", digest=digest)
    return Artifact(f"{UNITS}/{template.proxy_unit}.d/forage.conf", text.encode())


def _api(plan: p.Plan, triggers: Triggers) -> Iterator[Artifact]:
    for name in (
        p.API_UNIT,
        "forage-api-key@.service",
        "forage-api-watch.service",
        "forage-api-watch.timer",
        "forage-api-rotate@.service",
    ):
        text = render(
            q.SystemdToken,
            f"systemd/{name}.j2",
            tool_path=q.plain(TOOL_PATH),
            tree=q.plain(p.TREE),
            conf=q.plain(p.API_CONF),
            runtime=q.plain(p.API_RUNTIME),
            keys=q.plain(p.API_KEYS),
            log_max=q.integer(2 * plan.audit_max // p.AUDIT_PARTS),
            digest=q.plain(triggers.below(f"{p.API}/")),
        )
        yield Artifact(f"{UNITS}/{name}", text.encode())
    for secret in plan.api_secrets:
        text = render(
            q.SystemdToken,
            "systemd/api-key.conf.j2",
            credential=load(secret),
            tree=q.plain(p.TREE),
            variable=q.plain(p.key_variable(secret.name)),
        )
        unit = f"forage-api-key@{secret.name}.service"
        yield Artifact(f"{UNITS}/{unit}.d/forage.conf", text.encode())


def _forward(sandbox: p.Sandbox, forward: Forward) -> Iterator[Artifact]:
    unit = sandbox.forward_unit(forward)
    for kind in ("socket", "service"):
        text = render(
            q.SystemdToken,
            f"systemd/forward.{kind}.j2",
            name=q.plain(sandbox.name),
            sandbox=q.unit_name(sandbox.unit),
            socket=q.unit_name(f"{unit}.socket"),
            place=q.plain(forward.place),
            target=q.plain(str(sandbox.address)),
            inside=q.integer(forward.inside),
        )
        yield Artifact(f"{UNITS}/{unit}.{kind}", text.encode())


def load(secret: p.Secret) -> SystemdToken:
    """Write the assignment by which a unit reads a secret: as it is, or decrypted by systemd."""
    return q.load_credential(secret.name, secret.source, encrypted=secret.encrypted)


def _ssh_agent(sandbox: p.Sandbox, key: p.Secret) -> Artifact:
    text = render(
        q.SystemdToken, "systemd/ssh-agent.conf.j2", source=q.path(key.source), load=load(key)
    )
    return Artifact(f"{UNITS}/{sandbox.ssh_agent_unit}.d/forage.conf", text.encode())


def _mounts(sandbox: p.Sandbox, owner: p.Owner) -> Iterator[Artifact]:
    yield _bind_mount("Workspace", sandbox, sandbox.workspace, owner)
    for mount in sandbox.mounts:
        yield _bind_mount(f"Mount at {mount.target}", sandbox, mount, owner)


def _drop_in(sandbox: p.Sandbox, digest: str) -> Artifact:
    template = sandbox.template
    limits = template.limits
    text = render(
        q.SystemdToken,
        "systemd/sandbox.conf.j2",
        name=q.plain(sandbox.name),
        template=q.plain(template.name),
        description=q.plain(template.description),
        digest=q.plain(digest),
        guest=q.unit_name(f"forage-guest@{template.name}.service"),
        restart_if_changed=sandbox.restart_if_changed,
        needs=list(_needs(sandbox)),
        proxies=[q.unit_name(unit) for unit in _proxies(sandbox)],
        ssh_agent=q.unit_name(sandbox.ssh_agent_unit) if sandbox.ssh_key else None,
        limits=q.unit_name(f"forage-limits@{sandbox.name}.service")
        if template.private_users
        else None,
        timer=q.unit_name(f"forage-reset@{sandbox.name}.timer") if template.reset_every else None,
        forwards=[
            q.unit_name(f"{sandbox.forward_unit(forward)}.socket") for forward in sandbox.forwards
        ],
        apparmor=q.plain(PROFILE) if template.apparmor else None,
        tool_path=q.plain(TOOL_PATH),
        netns_path=q.plain(f"{p.NETNS}/{sandbox.netns}"),
        libexec=q.plain(f"{p.TREE}/libexec"),
        secrets=[load(secret) for secret in sandbox.secrets],
        secret_sources=[q.path(secret.source) for secret in sandbox.secrets],
        cpu_quota=q.percentage(limits.cpu_quota) if limits.cpu_quota else None,
        memory_max=q.plain(limits.memory_max) if limits.memory_max else None,
        tasks_max=q.integer(limits.tasks_max) if limits.tasks_max else None,
        io_weight=q.integer(limits.io_weight) if limits.io_weight else None,
    )
    return Artifact(f"{UNITS}/{sandbox.unit}.d/forage.conf", text.encode())


def _proxies(sandbox: p.Sandbox) -> Iterator[str]:
    if sandbox.template.is_proxied:
        yield sandbox.template.proxy_unit
    if sandbox.routes:
        yield p.API_UNIT


def _needs(sandbox: p.Sandbox) -> Iterator[SystemdToken]:
    yield q.mount_unit(sandbox.workspace.staging)
    for mount in sandbox.mounts:
        yield q.mount_unit(mount.staging)
    yield q.unit_name(f"forage-prepare@{sandbox.name}.service")
    if sandbox.template.closure:
        yield q.unit_name(f"forage-store@{sandbox.name}.service")
    if sandbox.template.nix_daemon:
        yield q.unit_name(f"forage-nix@{sandbox.name}.service")
    if sandbox.has_link:
        yield q.unit_name(f"forage-link@{sandbox.name}.service")
        yield q.unit_name("forage-firewall.service")
        if sandbox.template.has_network:
            yield q.unit_name(sandbox.template.resolver_unit)
    else:
        yield q.unit_name(f"forage-netns@{sandbox.name}.service")


def _bind_mount(what: str, sandbox: p.Sandbox, bind: p.Bind, owner: p.Owner) -> Artifact:
    text = render(
        q.SystemdToken,
        "systemd/bind.mount.j2",
        what=q.plain(what),
        name=q.plain(sandbox.name),
        unit=q.unit_name(sandbox.unit),
        source=q.path(bind.source),
        where=q.path(bind.staging),
        options=q.mount_options(["bind", "private", "nosuid", "nodev", *_idmap(sandbox, owner)]),
    )
    return Artifact(f"{UNITS}/{q.mount_unit(bind.staging)}", text.encode())


def _idmap(sandbox: p.Sandbox, owner: p.Owner) -> list[str]:
    """Map the owner's two numbers, and no others: HOST:MAPPED:COUNT (mount(8))."""
    if not sandbox.template.private_users:
        return []
    user = f"u:{owner.uid}:{sandbox.uid_base + owner.uid}:1"
    group = f"g:{owner.gid}:{sandbox.uid_base + owner.gid}:1"
    return [f"X-mount.idmap={user} {group}"]


def _timer(sandbox: p.Sandbox, calendar: str) -> Artifact:
    text = render(
        q.SystemdToken,
        "systemd/reset.timer.j2",
        name=q.plain(sandbox.name),
        calendar=q.plain(calendar),
    )
    return Artifact(f"{UNITS}/forage-reset@{sandbox.name}.timer", text.encode())


def _reset_at_once(sandbox: p.Sandbox) -> Artifact:
    text = render(
        q.SystemdToken,
        "systemd/reset-at-once.conf.j2",
        name=q.plain(sandbox.name),
        unit=q.unit_name(sandbox.unit),
    )
    return Artifact(f"{UNITS}/forage-reset@{sandbox.name}.service.d/forage.conf", text.encode())


def _start_with_host(sandbox: p.Sandbox) -> Artifact:
    text = render(q.SystemdToken, "systemd/autostart.conf.j2", unit=q.unit_name(sandbox.unit))
    return Artifact(f"{UNITS}/forage.target.d/{sandbox.name}.conf", text.encode())
