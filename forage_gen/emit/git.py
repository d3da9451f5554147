"""Who the agent is in version control: git-config(1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from forage_gen.artifact import Artifact
from forage_gen.emit.render import render
from forage_gen.quote import gitconfig as q

if TYPE_CHECKING:
    from collections.abc import Iterator

    from forage_gen.resolve import plan as p

PATH = "etc/gitconfig"


def artifacts(plan: p.Plan) -> Iterator[Artifact]:
    """Yield the system-wide configuration of each guest whose template gives an identity."""
    for template in plan.templates:
        if template.git_user or template.git_email:
            text = render(
                q.GitConfigToken,
                "git/gitconfig.j2",
                name=q.string(template.git_user) if template.git_user else None,
                email=q.string(template.git_email) if template.git_email else None,
            )
            yield Artifact(f"{template.guest_root}/{PATH}", text.encode())
