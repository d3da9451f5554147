"""Facts of each sandbox's link, for `forage-link@.service` (EnvironmentFile=, systemd.exec(5))."""

from __future__ import annotations

from typing import TYPE_CHECKING

from forage_gen.artifact import Artifact
from forage_gen.emit.render import render
from forage_gen.quote import systemd as q

if TYPE_CHECKING:
    from collections.abc import Iterator

    from forage_gen.resolve import plan as p


def artifacts(plan: p.Plan) -> Iterator[Artifact]:
    """Yield one file for each sandbox that has a network."""
    for sandbox in plan.sandboxes:
        if sandbox.template.has_network:
            text = render(
                q.SystemdToken,
                "systemd/network.env.j2",
                interface=q.env_file_value(sandbox.interface),
                address=q.env_file_value(str(sandbox.address)),
                gateway=q.env_file_value(str(plan.gateway)),
            )
            yield Artifact(f"sandboxes/{sandbox.name}.env", text.encode())
