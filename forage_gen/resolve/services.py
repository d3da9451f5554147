"""Refuses to mount what leads to the host's services, past every fence.

A socket is reached by its file alone: no network rule and no namespace stands between, and a
mount that is read-only does not keep anybody from connecting (unix(7)). Who may talk to the
host's container engine or to a user's systemd runs programs on the host. The host's Nix daemon
downloads for its clients what it likes, collects its garbage for them, and takes orders from
those of its `trusted-users`.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from forage_gen.diagnostics import error
from forage_gen.resolve.opened import mounted_paths
from forage_gen.values.paths import is_at_or_below
from forage_gen.values.text import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from forage_gen.diagnostics import Diagnostic
    from forage_gen.read.load import Inputs
    from forage_gen.resolve import plan as p
    from forage_gen.resolve.inherit import Merged

_SOCKETS = "sockets of the host's services, of its D-Bus and of its users' sessions"
_ENGINE = "the socket of the host's containers and virtual machines"
_KERNEL = "what the host's kernel is seen and set by"
_DAEMON = "the socket of the host's Nix daemon"
# Directories by file-hierarchy(7) and proc(5), and sockets by the manuals of Nix, LXD and Incus.
SERVICES = {
    "/dev": "the host's devices",
    "/proc": _KERNEL,
    "/sys": _KERNEL,
    "/run": _SOCKETS,
    "/var/run": _SOCKETS,
    "/nix/var/nix": _DAEMON,
    "/var/lib/incus": _ENGINE,
    "/var/lib/lxd": _ENGINE,
    "/var/snap/lxd": _ENGINE,
}
# What lies in them all the same, and leads to no service: disks that a desktop has mounted.
HARMLESS = ("/run/media",)

_ABOVE = frozenset(str(above) for path in SERVICES for above in PurePosixPath(path).parents)


def check_services(
    plan: p.Plan, inputs: Inputs, templates: Mapping[str, Merged]
) -> Iterator[Diagnostic]:
    """Yield an error for each mount that is, is in or has in it what leads to a service."""
    for mounted in mounted_paths(plan, inputs, templates):
        if what := leads_to(mounted.path):
            message = (
                f"{shown(mounted.path)} has {what}: whoever reaches these from inside acts on the"
                " host, past the fence, even if the mount is read-only."
            )
            hint = (
                "Mount a directory that holds files alone, such as one of the project; for Nix "
                "inside, write `nixDaemon = true`, which starts a daemon of the sandbox's own."
            )
            where = mounted.places.value(mounted.key)
            yield error("host-service", message, hint, where)


def leads_to(path: str) -> str | None:
    """Say to what services a path leads, if it does."""
    if path in _ABOVE:
        return next(what for each, what in SERVICES.items() if is_at_or_below(each, path))
    above = (path, *map(str, PurePosixPath(path).parents))
    if any(harmless in above[1:] for harmless in HARMLESS):
        return None
    return next((SERVICES[each] for each in above if each in SERVICES), None)
