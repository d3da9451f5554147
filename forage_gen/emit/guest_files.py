"""Small files of the guest whose formats have nothing to quote."""

from __future__ import annotations

from typing import TYPE_CHECKING

from forage_gen.artifact import Artifact
from forage_gen.emit.guest_masks import masks
from forage_gen.emit.guest_unit import HEAD, guest_unit
from forage_gen.resolve import plan as p

if TYPE_CHECKING:
    from collections.abc import Iterator

RESOLV_CONF = "etc/resolv.conf"

_INIT_SERVICE = f"""\
{HEAD}
[Unit]
Description=Init commands of the template
Before=systemd-user-sessions.service

[Service]
Type=oneshot
RemainAfterExit=yes
User=agent
ExecStart={p.INIT_SCRIPT}
TimeoutStartSec=15min
"""

# It ends with the system, and so does the sandbox, if it fails.
_LIMITS_SERVICE = f"""\
{HEAD}
[Unit]
Description=Wait for the limits that the host sets
DefaultDependencies=no
Before=sysinit.target
FailureAction=exit-force

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart={p.AWAIT_LIMITS_SCRIPT}
"""

# The log is in memory, as all of the guest is. A file of it takes its whole size from the start.
JOURNAL = f"""\
{HEAD}
[Journal]
Storage=volatile
RuntimeMaxFileSize=1M
"""

_PROFILE = f"""\
{HEAD}PATH={p.OWN_BIN}:$PATH
[ ! -r {p.ENVIRONMENT} ] || . {p.ENVIRONMENT}
"""


def artifacts(plan: p.Plan) -> Iterator[Artifact]:
    """Yield resolv.conf of each guest, and what a root file system needs besides."""
    for template in plan.templates:
        root = template.guest_root
        yield Artifact(f"{root}/{RESOLV_CONF}", _resolv_conf(template, plan).encode())
        if template.rootfs is None:
            continue
        yield from masks(root, init_commands=bool(template.init_commands))
        yield Artifact(f"{root}/etc/systemd/journald.conf.d/forage.conf", JOURNAL.encode())
        daemon = "export NIX_REMOTE=daemon\n" if template.nix_daemon else ""
        ssh = f"export SSH_AUTH_SOCK={p.SSH_AUTH_SOCK}\n" if template.ssh else ""
        yield Artifact(f"{root}/etc/profile.d/forage.sh", (_PROFILE + daemon + ssh).encode())
        if template.init_commands:
            yield from guest_unit(root, "forage-init.service", _INIT_SERVICE, "multi-user.target")
        if template.private_users:
            yield from guest_unit(root, "forage-limits.service", _LIMITS_SERVICE, "sysinit.target")


def _resolv_conf(template: p.Template, plan: p.Plan) -> str:
    """Write resolv.conf(5). Every sandbox of the project has the same gateway."""
    if not template.has_network:
        return "# This sandbox has no network, and no names.\n"
    return f"# The only resolver that can be reached from here.\nnameserver {plan.gateway}\n"
