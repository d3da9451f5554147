"""Looks up the names of templates with `resolve = "build"`."""

from __future__ import annotations

import socket
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING

from forage_gen.diagnostics import error
from forage_gen.pins.lock import read
from forage_gen.resolve.hosts import is_fit, place, wanted
from forage_gen.resolve.inherit import merge_templates

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from forage_gen.diagnostics import Diagnostic, Location
    from forage_gen.pins.lock import Read
    from forage_gen.resolve.allocate import Lock
    from forage_gen.resolve.hosts import Addresses


@dataclass(frozen=True)
class Found:
    """The addresses of names, and why others have none."""

    hosts: Mapping[str, Addresses]
    failures: tuple[Diagnostic, ...]


def look_up_all(given: Read) -> Found:
    """Look up every name of the project that a build needs, as this machine does.

    IPv6 addresses are kept where sandboxes have IPv6. Elsewhere nothing would use them, and the
    lock would change whenever one does.
    """
    ipv6 = given.inputs.project.ipv6_subnet is not None
    hosts, failures = {}, []
    for name, where in sorted(_names(given).items()):
        found = _look_up(name, ipv6=ipv6)
        private = [address for address in found if not is_fit(address)]
        if not found:
            kind = "address" if ipv6 else "IPv4 address"
            message = f"`{name}` has no {kind} here and now."
            hint = "Check the name, and whether this machine reaches its name servers."
            failures.append(error("host-not-found", message, hint, where))
        elif private:
            message = f"`{name}` leads to a private address, {private[0]}."
            hint = f"List the address itself if that is meant: `{private[0]}`."
            failures.append(error("host-is-private", message, hint, where))
        hosts[name] = found
    return Found(hosts, tuple(failures))


def with_hosts(root: Path, hosts: Mapping[str, Addresses]) -> Lock:
    """Put addresses into the lock as it is now, in place of those it had.

    Raises:
        InvalidProjectError: it cannot be read any more.
    """
    return replace(read(root).lock, hosts=hosts)


def _names(given: Read) -> dict[str, Location]:
    """List the names, each with a place that says that it is allowed."""
    merged, _ = merge_templates(given.inputs.templates)
    return {
        name: place(template, name)
        for template in merged.values()
        for name in wanted(template.model)
    }


# What says that a name has none of a kind; other errors are those of the look-up.
_NONE = frozenset({socket.EAI_NONAME, socket.EAI_NODATA, socket.EAI_ADDRFAMILY})


def _look_up(name: str, *, ipv6: bool) -> Addresses:
    """Look a name up: IPv4 first, each kind in order. Nothing, if either kind cannot be told."""
    ipv4_found = _addresses(name, socket.AF_INET)
    ipv6_found = _addresses(name, socket.AF_INET6) if ipv6 else frozenset()
    if ipv4_found is None or ipv6_found is None:
        return ()
    return (
        *sorted(map(IPv4Address, ipv4_found)),
        *sorted(map(IPv6Address, ipv6_found)),
    )


def _addresses(name: str, family: socket.AddressFamily) -> frozenset[str] | None:
    try:
        # With the dot, no search domain of this machine is tried.
        found = socket.getaddrinfo(f"{name}.", None, family, socket.SOCK_STREAM)
    except socket.gaierror as refused:
        return frozenset() if refused.errno in _NONE else None
    except OSError:
        return None
    return frozenset(str(address[0]) for *_, address in found)
