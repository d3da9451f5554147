"""Addresses of names in `forage.lock`, for templates with `resolve = "build"`."""

from __future__ import annotations

import json
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING

from forage_gen.diagnostics import error
from forage_gen.read.explain_errors import describe
from forage_gen.resolve.names import direct_hosts, name_rules
from forage_gen.values.hosts import NameHost, allowed_host, is_private
from forage_gen.values.problem import ValueProblem
from forage_gen.values.text import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from forage_gen.diagnostics import Diagnostic, Location
    from forage_gen.read.source import SourceFile, Value
    from forage_gen.resolve.inherit import Merged
    from forage_gen.schema.models import Template

SECTION = "hosts"

Address = IPv4Address | IPv6Address
Addresses = tuple[Address, ...]

_DELETE = "Delete the line; `forage-gen lock --hosts` looks the name up anew."


def render_hosts(hosts: Mapping[str, Addresses]) -> str:
    """Write the lock's section, one line a name, sorted. Without a name there is none."""
    lines = "".join(
        f"{json.dumps(name)} = {json.dumps([str(each) for each in addresses])}\n"
        for name, addresses in sorted(hosts.items())
    )
    return f"\n[{SECTION}]\n{lines}" if lines else ""


def read_hosts(file: SourceFile, found: list[Diagnostic]) -> dict[str, Addresses]:
    """Read the lock's section. What is wrong with it is added to `found`."""
    table = file.data.get(SECTION, {})
    if not isinstance(table, dict):
        message = f"`{SECTION}` must be a table, not {describe(table)}."
        found.append(error("lock-damaged", message, _DELETE, file.value((SECTION,))))
        return {}
    hosts = {}
    for name, value in table.items():
        addresses = _addresses(value)
        if not _is_name(name) or not addresses:
            message = f"{shown(name)} has no addresses that forage-gen wrote."
            found.append(error("lock-damaged", message, _DELETE, file.value((SECTION, name))))
            continue
        hosts[name] = addresses
    return hosts


def is_fit(address: Address) -> bool:
    """Whether a name may lead to an address: it is no part of a private network."""
    return not is_private(ip_network(address))


def usable(hosts: Mapping[str, Addresses], *, ipv6: bool) -> dict[str, Addresses]:
    """Take out what sandboxes without IPv6 cannot reach, and names that nothing is left of."""
    versions = (4, 6) if ipv6 else (4,)
    left = {
        name: tuple(each for each in addresses if each.version in versions)
        for name, addresses in hosts.items()
    }
    return {name: addresses for name, addresses in left.items() if addresses}


def _is_name(text: str) -> bool:
    """Whether a text is a name in the form that rules have it in."""
    try:
        host = allowed_host(text)
    except ValueProblem:
        return False
    is_plain = isinstance(host, NameHost) and not host.wildcard and host.port is None
    return is_plain and str(host) == text


def _addresses(value: Value) -> Addresses:
    """Read a list of fit addresses; nothing if anything else is in it."""
    values = value if isinstance(value, list) else []
    # A zone is that of a link.
    texts = [text for text in values if isinstance(text, str) and "%" not in text]
    try:
        addresses = tuple(map(ip_address, texts))
    except ValueError:
        return ()
    # None is in another notation than the one that is written.
    is_written = [str(each) for each in addresses] == values
    return addresses if is_written and all(map(is_fit, addresses)) else ()


def wanted(template: Template) -> Iterator[str]:
    """List the names that a template needs addresses of in the lock."""
    if template.resolve == "build":
        yield from (rule.name for rule in name_rules(template) if not rule.wildcard)


def check_hosts(merged: Merged, hosts: Mapping[str, Addresses]) -> Iterator[Diagnostic]:
    """Yield what keeps a template's names from being looked up before a build."""
    template = merged.model
    if template.resolve != "build":
        return
    if template.network != "restricted":
        message = (
            f"`resolve` has no effect: the network of `{merged.name}` is `{template.network}`."
        )
        hint = 'Remove it, or write `network = "restricted"`.'
        yield error("resolve-without-names", message, hint, merged.value(("resolve",)))
    for index, host in enumerate(template.allowed_hosts):
        if isinstance(host, NameHost) and host.wildcard:
            message = f"`{host.text}` is no name that could be looked up before a build."
            hint = 'Name the hosts, or write `resolve = "run"`.'
            yield error("wildcard-at-build", message, hint, merged.value(("allowedHosts", index)))
    for name in wanted(template):
        if name not in hosts:
            message = f"The addresses of `{name}` are not in forage.lock."
            hint = "Run `forage-gen lock --hosts`, and commit forage.lock."
            yield error("host-not-locked", message, hint, place(merged, name))


def place(merged: Merged, name: str) -> Location:
    """Where a template says that a name is allowed: its list, or an agent."""
    template = merged.model
    for index, host in enumerate(template.allowed_hosts):
        if isinstance(host, NameHost) and host.name == name:
            return merged.value(("allowedHosts", index))
    agents = (agent for agent, each in template.agents.items() if name in direct_hosts(each))
    return merged.key(("agents", next(agents, "")))
