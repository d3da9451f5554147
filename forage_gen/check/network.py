"""Rules about what a sandbox reaches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from forage_gen.catalogue import NIX_CACHE, NIX_CACHE_PORT
from forage_gen.check.rule import Finding, RuleBook
from forage_gen.check.shared_domains import front, has_everybodys_paths, holds_everybodys
from forage_gen.diagnostics import Severity
from forage_gen.resolve.names import agent_hosts, agent_kind, decisions, direct_hosts
from forage_gen.values.hosts import LAN_NETWORKS_IPV4, LAN_NETWORKS_IPV6, NameHost

if TYPE_CHECKING:
    from collections.abc import Iterator

    from forage_gen.diagnostics import Location
    from forage_gen.resolve.inherit import Merged
    from forage_gen.schema.models import Template

rules = RuleBook()


@rules.template(
    "network-full",
    Severity.WARNING,
    summary="The network is `full` where the agents need only known hosts. (Info, where no agent"
    " of the catalogue is in the template, as nobody can tell what it needs.)",
    why="An agent that reaches every host can send what it reads to any of them.",
    instead='network = "restricted"\nallowedHosts = ["api.anthropic.com", "docs.example.org"]\n',
)
def _network_full(merged: Merged) -> Iterator[Finding]:
    if merged.model.network != "full":
        return
    where = merged.value(("network",))
    kinds = [agent_kind(agent) for agent in merged.model.agents.values()]
    hosts = sorted(agent_hosts(merged.model))
    if hosts and all(kinds):
        are = "is" if len(hosts) == 1 else "are"
        message = (
            f"The network is `full`, but the agents need only {_listed(hosts)}, which {are} allowed"
            " without being listed."
        )
        listed = ", ".join(f'"{host}"' for host in hosts)
        hint = (
            f'Write `network = "restricted"` and `allowedHosts = [{listed}]`, and add to the list'
            " what the work needs."
        )
        yield Finding(message, hint, where)
        return
    if kinds and all(kinds):
        message = "The network is `full`, but the agents need none: they ask through the proxy."
        hint = (
            'Write `network = "none"`; or `network = "restricted"`, and list what the work needs in'
            " `allowedHosts`."
        )
        yield Finding(message, hint, where)
        return
    message = "The network is `full`: the sandbox reaches every public host."
    hint = (
        'Write `network = "restricted"` and list what it needs, such as'
        ' `allowedHosts = ["docs.example.org"]`.'
    )
    yield Finding(message, hint, where, Severity.INFO)


@rules.template(
    "allow-lan",
    Severity.WARNING,
    summary="`allowLan` opens every machine of the local network.",
    why="Routers, printers, storage and dashboards there often ask nobody for a password, and "
    "virtual machines, containers and VPNs of the host have such addresses, too.",
    instead='network = "full"\nallowedHosts = ["192.168.1.20:8080"]\n',
)
def _allow_lan(merged: Merged) -> Iterator[Finding]:
    if merged.model.allow_lan:
        message = (
            "`allowLan` lets the agent reach every machine of the local network, at every port:"
            f" {', '.join(map(str, LAN_NETWORKS_IPV4))}; and with `ipv6Subnet`"
            f" {', '.join(map(str, LAN_NETWORKS_IPV6))} and the networks that the host is in."
        )
        hint = (
            "Remove it, and list the addresses that the work needs:"
            ' `allowedHosts = ["192.168.1.20:8080"]`.'
        )
        yield Finding(message, hint, merged.value(("allowLan",)))


@rules.template(
    "agent-cannot-reach-host",
    Severity.WARNING,
    summary="The network is `none`, but an agent cannot work without a host.",
    why="The agent starts and then fails at its first request.",
    instead='network = "restricted" # the hosts of known agents are allowed without being listed\n',
)
def _agent_cannot_reach_host(merged: Merged) -> Iterator[Finding]:
    if merged.model.network != "none":
        return
    for name, agent in merged.model.agents.items():
        if hosts := direct_hosts(agent):
            message = (
                f"The network is `none`, but the agent `{name}` cannot work without"
                f" {_listed(hosts)}."
            )
            hint = (
                "Give it a key, `secretName`: it then asks through the proxy, which is there"
                ' without a network. Or write `network = "restricted"`.'
                if agent.secret_name is None
                else 'Write `auth = "proxy"`, which needs no network, or `network = "restricted"`.'
            )
            yield Finding(message, hint, _network(merged) or merged.key(("agents", name)))


@rules.template(
    "nix-daemon-without-cache",
    Severity.WARNING,
    summary="A Nix daemon is inside, and cannot reach the public cache.",
    why="It downloads only what the sandbox itself may, and from what the host's store has little"
    " can be built.",
    instead='nixDaemon = true\nnetwork = "restricted"\nallowedHosts = ["cache.nixos.org"]\n',
)
def _nix_daemon_without_cache(merged: Merged) -> Iterator[Finding]:
    if merged.model.nix_daemon and not _reaches_cache(merged.model):
        message = (
            f"The Nix daemon inside cannot reach {NIX_CACHE}: it can use what the host's store"
            " has, and download nothing."
        )
        hint = (
            f'Write `network = "restricted"` and `allowedHosts = ["{NIX_CACHE}"]`, or'
            " `nixDaemon = false`."
        )
        yield Finding(message, hint, merged.value(("nixDaemon",)))


def _reaches_cache(template: Template) -> bool:
    return template.network == "full" or decisions(template).allows(NIX_CACHE, NIX_CACHE_PORT)


@rules.template(
    "wide-wildcard",
    Severity.WARNING,
    summary="A wildcard allows a domain below which anybody can have a name.",
    why="Whoever wants to receive data from the sandbox can rent a name that the wildcard allows.",
    instead='allowedHosts = ["my-bucket.s3.amazonaws.com"]\n',
)
def _wide_wildcard(merged: Merged) -> Iterator[Finding]:
    for index, host in enumerate(merged.model.allowed_hosts):
        if isinstance(host, NameHost) and host.wildcard and holds_everybodys(host.name):
            message = (
                f"`{host}` allows everybody's names: anyone can have one below `{host.name}`, and"
                " the agent can send to it whatever it reads."
            )
            hint = f'Write the exact name that is needed, such as `"my-project.{host.name}"`.'
            yield Finding(message, hint, merged.value(("allowedHosts", index)))


@rules.template(
    "shared-front",
    Severity.WARNING,
    summary="A name that is allowed is served by servers that serve anybody's. (Info, where each"
    " customer has a name; then it takes servers that do not compare names.)",
    why="The name is read where a connection begins, and nothing is decrypted: what is asked for"
    " inside can be another customer's (domain fronting), or another's path.",
    instead='allowedHosts = ["files.example.org"] # a server that serves nobody else\'s\n',
)
def _shared_front(merged: Merged) -> Iterator[Finding]:
    for index, host in enumerate(merged.model.allowed_hosts):
        if not isinstance(host, NameHost):
            continue
        where = merged.value(("allowedHosts", index))
        if not host.wildcard and has_everybodys_paths(host.name):
            message = (
                f"`{host}` takes data for everybody: anyone can have a place at this very name, and"
                " the agent can write to it."
            )
            hint = (
                "Write the name of a server of your own; of a store, the name that your bucket has,"
                f' such as `"my-bucket.{host.name}"`.'
            )
            yield Finding(message, hint, where)
        elif (shared := front(host.name)) and not holds_everybodys(host.name):
            message = (
                f"The servers of `{host}` serve everybody's names below `{shared}`. Unless they"
                " compare names, the agent can ask for another's inside a connection (domain"
                " fronting)."
            )
            hint = (
                "Write the name of a server that serves nobody else's, or allow this with what you"
                " know of the operator: `# forage: allow(shared-front): it refuses other names`."
            )
            yield Finding(message, hint, where, Severity.INFO)


def _network(merged: Merged) -> Location | None:
    """Where the network mode is written, if it is."""
    return merged.value(("network",)) if ("network",) in merged.origins else None


def _listed(hosts: tuple[str, ...] | list[str]) -> str:
    return " and ".join(f"`{host}`" for host in hosts)
