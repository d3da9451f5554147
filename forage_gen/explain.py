"""What a sandbox's agent can read, write, reach and spend: in words, and as data."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from forage_gen.emit.apparmor import PROFILE
from forage_gen.emit.facts import allowed_hosts, api_origin, apis, limits, pinned
from forage_gen.resolve import plan as p
from forage_gen.resolve.opened import key_of
from forage_gen.values.capabilities import OFFERED
from forage_gen.values.hosts import LAN_NETWORKS_IPV4, LAN_NETWORKS_IPV6
from forage_gen.values.protected import DEFAULT, protected
from forage_gen.values.syscalls import DEBUGGERS, STRICT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from forage_gen.diagnostics import Location
    from forage_gen.read.locate import KeyPath
    from forage_gen.read.source import Value
    from forage_gen.resolve.inherit import Merged
    from forage_gen.resolve.resolve import Resolved


class Setting(TypedDict):
    """One value that was written, and where."""

    key: str
    value: Value
    template: str
    file: str
    line: int
    column: int


def in_words(sandbox: p.Sandbox, resolved: Resolved) -> str:
    """Tell a person what the sandbox may do."""
    template = sandbox.template
    title = f"{sandbox.name}: {template.description} (template {template.name})"
    sections = {
        "It can read": list(_reads(sandbox)),
        "It can write": list(_writes(sandbox)),
        "It can reach": list(_reaches(sandbox, resolved.plan)),
        "It can spend": list(_spends(sandbox)),
        "Its agents": list(_agents(template)) or ["none"],
        **_pinned(template, resolved.plan),
        "It is held by": list(_held(sandbox)),
        "Its template opens, of what is closed otherwise": [
            f"{effect} (`{option}`)" for option, effect in _opened(template)
        ]
        or ["nothing"],
    }
    blocks = [
        f"{heading}\n" + "".join(f"  - {line}\n" for line in lines)
        for heading, lines in sections.items()
    ]
    return f"{title}\n{'=' * len(title)}\n\n" + "\n".join(blocks)


def as_json(sandbox: p.Sandbox, resolved: Resolved) -> dict[str, object]:
    """Tell a program what the sandbox may do, and where each written value comes from."""
    template = sandbox.template
    return {
        "sandbox": sandbox.name,
        "template": template.name,
        "read": list(_reads(sandbox)),
        "write": list(_writes(sandbox)),
        "network": {
            "mode": template.network.value,
            "allowedHosts": allowed_hosts(template),
            "allowLan": template.allow_lan,
            "locked": {each.name: [str(a) for a in each.addresses] for each in template.locked},
            "address": str(sandbox.address) if sandbox.has_link else None,
            "ipv6Address": str(sandbox.ipv6_address) if sandbox.ipv6_address else None,
            "forwardPorts": [str(forward) for forward in sandbox.forwards],
        },
        "apis": apis(sandbox, resolved.plan),
        "ssh": {"secret": template.ssh.secret, "hosts": [each.text for each in template.ssh.hosts]}
        if template.ssh
        else None,
        "limits": limits(template.limits),
        "opened": [{"option": option, "effect": effect} for option, effect in _opened(template)],
        "agents": {
            agent.name: {
                "package": ".".join(agent.package),
                "secret": agent.secret,
                "proxied": agent.proxied is not None,
                "allow": list(agent.permissions.allow),
                "deny": list(agent.permissions.deny),
                "skipAll": agent.permissions.skip_all,
            }
            for agent in template.agents
        },
        "sources": {source.name: pinned(source) for source in _sources(template, resolved.plan)},
        "values": settings(resolved.templates[template.name]),
    }


def settings(merged: Merged) -> list[Setting]:
    """List every value that was written for a template, in the order of keys."""
    found = []
    for path, origin in sorted(merged.origins.items(), key=lambda item: _sortable(item[0])):
        value = _lookup(origin.source.table, origin.path)
        if not isinstance(value, dict | list):
            where: Location = origin.source.value(origin.path)
            found.append(
                Setting(
                    key=_shown(path),
                    value=value,
                    template=origin.source.name,
                    file=where.file,
                    line=where.line,
                    column=where.column,
                )
            )
    return found


def _sortable(path: KeyPath) -> tuple[tuple[bool, str, int], ...]:
    return tuple(
        (isinstance(part, int), str(part), part if isinstance(part, int) else 0) for part in path
    )


def _shown(path: KeyPath) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")


def _lookup(table: Value, path: KeyPath) -> Value:
    for part in path:
        table = table[part]  # type: ignore[index]  # the path was made from it
    return table


def _reads(sandbox: p.Sandbox) -> Iterator[str]:
    yield f"{sandbox.workspace.source} of the host, as {p.WORKSPACE}"
    for mount in sandbox.mounts:
        yield f"{mount.source} of the host, as {mount.target}"
    if sandbox.store is None:
        pass
    elif sandbox.template.closure is not None:
        yield "/nix/store: what the system inside needs, and no other path of it (`storeClosure`)"
    else:
        yield (
            "/nix/store: everything that is installed or was ever built on the host "
            "(`storeClosure = true` narrows that)"
        )
    if sandbox.template.nix_daemon:
        yield "the host's Nix database, as it was when the sandbox started"
    if sandbox.template.rootfs:
        yield f"{sandbox.template.rootfs}/usr of the host, as /usr"
    for secret in sandbox.secrets:
        yield f"the secret `{secret.name}` ({secret.source} of the host), in {p.SECRETS}"


def _writes(sandbox: p.Sandbox) -> Iterator[str]:
    size = sandbox.template.limits.disk_max
    if sandbox.workspace.read_only:
        yield f"nothing in {p.WORKSPACE} (`readOnlyWorkspace`)"
    else:
        yield f"{p.WORKSPACE}, which is {sandbox.workspace.source} of the host"
    for mount in sandbox.mounts:
        if not mount.read_only:
            yield f"{mount.target}, which is {mount.source} of the host"
    yield f"everything else inside, up to {size / 2**30:.3g} GiB, until it restarts"
    if sandbox.template.nix_daemon:
        yield (
            f"a layer of its own over /nix/store, by its own Nix daemon, up to {size / 2**30:.3g} "
            "GiB, until it restarts (`nixDaemon`); never the host's store"
        )
    if sandbox.template.protected_paths:
        yield f"but never {', '.join(sandbox.template.protected_paths)} in the workspace"


def _reaches(sandbox: p.Sandbox, plan: p.Plan) -> Iterator[str]:
    template = sandbox.template
    yield from _mode(sandbox, plan)
    for host in allowed_hosts(template):
        yield f"but not {host[1:]}" if host.startswith("!") else host
    if sandbox.ssh_key and template.ssh:
        hosts = ", ".join(each.text for each in template.ssh.hosts)
        yield (
            f"by SSH it logs in to {hosts} and nowhere else, with the secret "
            f"`{sandbox.ssh_key.name}` ({sandbox.ssh_key.source} of the host), which stays there"
        )
    if template.has_network:
        yield f"the resolver at {plan.gateway}, and nothing else of this host"
    for route in sandbox.routes:
        asked = ", ".join(f"{'/'.join(r.methods)} {r.path}" for r in route.requests)
        yield (
            f"through the proxy of the host, which adds the secret `{route.secret}` and keeps it: "
            f"{asked} at {api_origin(route)}"
        )
    for forward in sandbox.forwards:
        yield (
            f"and is reached, at its port {forward.inside}, by who reaches port {forward.outside} "
            f"of {forward.address} on the host"
        )


def _mode(sandbox: p.Sandbox, plan: p.Plan) -> Iterator[str]:
    template = sandbox.template
    match template.network:
        case p.Network.NONE:
            yield (
                "nothing itself: it has no network, and no names"
                if sandbox.routes
                else "nothing: it has no network, and no names"
            )
        case p.Network.FULL if template.allow_lan:
            yield (
                f"every public {_protocols(plan)} address, and every other machine of the local "
                "network: "
                f"{_local(plan)} (`allowLan`)"
            )
        case p.Network.FULL:
            yield f"every public {_protocols(plan)} address, but none that is private"
        case p.Network.RESTRICTED if template.locked:
            yield (
                "only these, at the addresses that forage.lock has for their names, and no other "
                "name (whatever else is at such an address and port can be reached as well):"
            )
        case p.Network.RESTRICTED:
            yield (
                "only these, and no name that is not among them (at ports 443 and 80 the name "
                "itself counts, whatever its address; at others its addresses):"
            )


def _local(plan: p.Plan) -> str:
    ipv6 = (*map(str, LAN_NETWORKS_IPV6), "the IPv6 networks that the host is in")
    return ", ".join((*map(str, LAN_NETWORKS_IPV4), *(ipv6 if plan.ipv6 else ())))


def _protocols(plan: p.Plan) -> str:
    return "IPv4 and IPv6" if plan.ipv6 else "IPv4"


def _spends(sandbox: p.Sandbox) -> Iterator[str]:
    template = sandbox.template
    given = template.limits
    yield f"processor time: {given.cpu_quota or 'no limit'}"
    yield f"memory: {given.memory_max or 'no limit'}"
    yield f"processes: {given.tasks_max or 'the default of systemd'}"
    if given.io_weight is not None:
        yield f"disks' time, when others want it: {given.io_weight} to the others' 100"
    yield f"disk: {given.disk_max / 2**30:.3g} GiB, in memory"
    if template.nix_daemon:
        yield "for its layer of the Nix store: as much again"
    if sandbox.routes:
        asks = template.api_limits
        yield (
            f"requests to APIs: {asks.requests_per_minute} a minute, {asks.concurrent_requests} at "
            f"the same time, each of {asks.body_max / 2**20:.3g} MiB at most"
        )
    yield f"time until it starts afresh: {_resets(template)}"


def _resets(template: p.Template) -> str:
    if template.reset_every is None:
        return "until somebody restarts it"
    if template.reset_while_attached:
        return f"{template.reset_every}, also while somebody is attached"
    return f"{template.reset_every}, and if somebody is attached then, until nobody is"


def _agents(template: p.Template) -> Iterator[str]:
    for agent in template.agents:
        rules = agent.permissions
        if agent.settings is None:
            may = "with whatever permissions it gives itself"
        elif rules.skip_all:
            may = "asks for nothing before it acts"
        else:
            may = f"may without asking: {', '.join(rules.allow) or 'nothing'}"
        if rules.deny:
            may += f"; may never: {', '.join(rules.deny)}"
        key = ""
        if agent.proxied:
            key = "; has no key: a proxy on the host adds it to what it asks"
        elif agent.key_helper:
            key = "; asks a command for its key, which is in no variable"
        elif agent.secret:
            key = f"; key in {agent.auth_env_var} for its process alone"
        yield f"{agent.name} ({'.'.join(agent.package)}): {may}{key}"


def _sources(template: p.Template, plan: p.Plan) -> list[p.Source]:
    return [source for source in plan.sources if source.name in template.sources]


def _pinned(template: p.Template, plan: p.Plan) -> dict[str, list[str]]:
    lines = [
        f"{source.name}: {source.url}{f' at {source.rev}' if source.rev else ''}, {source.hash}"
        for source in _sources(template, plan)
    ]
    return {"It has from outside of nixpkgs": lines} if lines else {}


def _held(sandbox: p.Sandbox) -> Iterator[str]:
    template = sandbox.template
    if template.private_users:
        last = sandbox.uid_base + p.UIDS_PER_SANDBOX - 1
        yield f"a user namespace: root inside is uid {sandbox.uid_base} on the host (to {last})"
    else:
        yield "no user namespace: root inside is root on the host"
    yield f"a network namespace, {sandbox.netns}, that its root cannot configure"
    if template.apparmor:
        yield f"the AppArmor profile {PROFILE}, if the host has AppArmor enabled"
    else:
        yield "no AppArmor profile"
    yield "no new privileges: setuid programs have no effect"
    kept = ", ".join(_kept(template))
    yield "root's capabilities, without those that a booted system can do without" + (
        f", but with {kept}" if kept else ""
    )
    added, denied = ", ".join(_added(template)), ", ".join(template.syscalls_denied)
    yield (
        "nspawn's system call filter"
        + (f", with {added} besides" if added else "")
        + (f", and none of {denied}" if denied else "")
    )
    yield (
        "no devices but null, zero, full, random, urandom and terminals, no sockets but UNIX, "
        "IPv4, IPv6 and netlink, no programs of another architecture: no option opens these"
    )
    if template.private_users:
        yield "no raw sockets, which no option opens in a user namespace"
    if template.user_namespaces:
        yield "programs inside may make user namespaces (`userNamespaces = false` ends that)"
    else:
        yield "no user namespaces inside: no nested containers, no bubblewrap"


def _kept(template: p.Template) -> list[str]:
    return sorted(OFFERED.keys() - template.capabilities_dropped)


def _added(template: p.Template) -> list[str]:
    """List the system calls that the template adds to those of the profile `default`."""
    return [name for name in template.syscalls_allowed if name not in DEBUGGERS]


def _opened(template: p.Template) -> Iterator[tuple[str, str]]:
    """Yield what the template opens of what is closed by default: the option, and its effect."""
    yield from _opened_of_isolation(template)
    if template.nix_daemon:
        yield "nixDaemon = true", "a Nix daemon inside, with a layer of its own over the store"
    unprotected = [
        path for path in protected(DEFAULT).paths if path not in template.protected_paths
    ]
    if unprotected and not template.read_only_workspace:
        yield (
            "protectedPaths",
            f"it may write {', '.join(unprotected)} in the workspace, which the host's git obeys",
        )
    for mount in template.mounts:
        if not mount.read_only:
            yield _key(mount), f"it may write {mount.source} of the host"
    if template.reset_while_attached:
        yield "resetWhileAttached = true", "a reset waits for nobody who is attached"
    if template.allow_lan:
        yield "allowLan = true", "it reaches the local network"


def _opened_of_isolation(template: p.Template) -> Iterator[tuple[str, str]]:
    if not template.private_users:
        yield "isolation.privateUsers = false", "root inside is root on the host"
    if added := _added(template):
        yield "isolation.syscallFilter", f"system calls: {', '.join(added)}"
    if template.user_namespaces and template.syscall_profile == STRICT:
        yield "isolation.userNamespaces = true", "programs inside may make user namespaces"
    if kept := _kept(template):
        yield "isolation.capabilities", f"root inside keeps {', '.join(kept)}"
    if not template.apparmor:
        yield "isolation.apparmor = false", "no AppArmor profile, though the host may have it"


def _key(mount: p.Mount) -> str:
    path = key_of(mount)
    if path[-1] == "hostConfigDir":
        return f"{'.'.join(map(str, path))}ReadOnly = false"
    return f"{'.'.join(map(str, path[:-1]))}.readOnly = false"
