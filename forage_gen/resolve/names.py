"""Which host names a template may reach, and at which ports."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING

from forage_gen import catalogue
from forage_gen.resolve.plan import NameException, NameRule
from forage_gen.resolve.policy import Decisions, above
from forage_gen.values.hosts import ExceptedName, NameHost

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from forage_gen.resolve.policy import Name
    from forage_gen.schema.models import Agent, Template

DEFAULT_PORTS = (80, 443)


def name_rules(template: Template) -> tuple[NameRule, ...]:
    """List the names in force, sorted, each once with all its ports."""
    return tuple(
        NameRule(name, wildcard, tuple(sorted(ports)))
        for (name, wildcard), ports in sorted(ports_by_name(template).items())
    )


def name_exceptions(template: Template) -> tuple[NameException, ...]:
    """List what is excepted from the wildcards, sorted, each once."""
    return tuple(NameException(*name) for name in sorted(_excepted(template)))


def decisions(template: Template) -> Decisions:
    """Tell what the template's list says of any name."""
    return Decisions(name_rules(template), name_exceptions(template))


def ports_by_name(template: Template) -> dict[Name, set[int]]:
    """Find the ports of each name: its own, and those of the wildcards above it.

    Only `restricted` goes by names. There the agents' own hosts are allowed too.
    """
    own = _own_ports(template) if template.network == "restricted" else {}
    excepted = _excepted(template)

    def wildcards(name: str) -> Iterator[Name]:
        """List those above a name, up to an exception from what is higher."""
        return takewhile(lambda each: each not in excepted, ((each, True) for each in above(name)))

    # What a wildcard opens, a rule for a name below it does not close.
    return {
        (name, wildcard): ports.union(*(own.get(each, ()) for each in wildcards(name)))
        for (name, wildcard), ports in own.items()
    }


def agent_kind(agent: Agent) -> catalogue.AgentKind | None:
    """Look up an agent in the catalogue."""
    return catalogue.BY_PACKAGE.get(".".join(agent.package or ()))


def is_proxied(agent: Agent) -> bool:
    """Whether an agent asks its API through the proxy on the host, which has its key."""
    return agent.auth == "proxy" and agent.secret_name is not None and agent_kind(agent) is not None


def direct_hosts(agent: Agent) -> tuple[str, ...]:
    """List the hosts that an agent cannot work without, and asks itself."""
    kind = agent_kind(agent)
    return () if kind is None or is_proxied(agent) else kind.hosts


def agent_hosts(template: Template) -> set[str]:
    """List the hosts that the template's agents cannot work without, and ask themselves."""
    return {host for agent in template.agents.values() for host in direct_hosts(agent)}


def _excepted(template: Template) -> set[Name]:
    return {
        (host.name, host.wildcard)
        for host in template.allowed_hosts
        if isinstance(host, ExceptedName)
    }


def _own_ports(template: Template) -> Mapping[Name, set[int]]:
    ports: dict[Name, set[int]] = {
        (host, False): set(DEFAULT_PORTS) for host in agent_hosts(template)
    }
    for host in template.allowed_hosts:
        if isinstance(host, NameHost):
            wanted = DEFAULT_PORTS if host.port is None else (host.port,)
            ports.setdefault((host.name, host.wildcard), set()).update(wanted)
    return ports
