"""Checks the ports of the host that lead into sandboxes: each is one sandbox's alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from forage_gen.diagnostics import error
from forage_gen.resolve.allocate import HTTP_PORT_FIRST, QUESTIONS_PORT, RESOLVER_PORTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from forage_gen.diagnostics import Diagnostic
    from forage_gen.read.load import Inputs
    from forage_gen.resolve import plan as p
    from forage_gen.values.forwards import Forward

_OWN_PORTS = range(QUESTIONS_PORT, HTTP_PORT_FIRST + RESOLVER_PORTS)


def check_forwards(plan: p.Plan, inputs: Inputs) -> Iterator[Diagnostic]:
    """Yield an error for each forwarded port that could not be one."""
    taken: dict[tuple[str, int], str] = {}
    for sandbox in plan.sandboxes:
        for index, forward in enumerate(sandbox.forwards):
            problem = _problem(sandbox, forward, taken)
            if problem is not None:
                code, message, hint = problem
                key = ("sandboxes", sandbox.name, "forwardPorts", index)
                yield error(code, message, hint, inputs.project_file.value(key))


def _problem(
    sandbox: p.Sandbox, forward: Forward, taken: dict[tuple[str, int], str]
) -> tuple[str, str, str] | None:
    if not sandbox.template.has_network:
        return (
            "forward-without-network",
            f'`{sandbox.name}` has no network: its template says `network = "none"`.',
            "Take a template with a network, or take the port out.",
        )
    if forward.outside in _OWN_PORTS:
        return (
            "forward-port-taken",
            f"Port {forward.outside} is one of those that Forage's own services have.",
            f"Write one that is not from {_OWN_PORTS[0]} to {_OWN_PORTS[-1]}.",
        )
    place = (str(forward.address), forward.outside)
    if place in taken:
        return (
            "forward-port-taken",
            f"Port {forward.outside} of {forward.address} leads into `{taken[place]}` already.",
            f"Write another port of the host, such as `{forward.outside + 1}:{forward.inside}`.",
        )
    taken[place] = sandbox.name
    return None
