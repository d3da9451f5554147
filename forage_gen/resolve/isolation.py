"""How a sandbox is held, as its template's keys add up to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from forage_gen.diagnostics import error
from forage_gen.values.capabilities import OFFERED
from forage_gen.values.syscalls import STRICT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from forage_gen.diagnostics import Diagnostic
    from forage_gen.resolve.inherit import Merged
    from forage_gen.schema.models import Isolation


def user_namespaces(isolation: Isolation) -> bool:
    """Whether programs inside may make user namespaces."""
    if isolation.user_namespaces is None:
        return isolation.syscall_filter.profile != STRICT
    return isolation.user_namespaces


def dropped(isolation: Isolation) -> tuple[str, ...]:
    """List the capabilities to drop of those that nspawn leaves."""
    return tuple(sorted(OFFERED.keys() - {*isolation.capabilities}))


def check_isolation(merged: Merged) -> Iterator[Diagnostic]:
    """Yield what would have no effect, or one that reaches beyond the sandbox."""
    isolation = merged.model.isolation
    if merged.model.nix_daemon and isolation.private_users and not user_namespaces(isolation):
        by = "userNamespaces" if isolation.user_namespaces is not None else "syscallFilter"
        message = "Each build of the Nix daemon inside takes a user namespace, and there are none."
        hint = "Write `userNamespaces = true`, or `nixDaemon = false`."
        yield error("nix-daemon-without-namespaces", message, hint, merged.value(("isolation", by)))
    if not isolation.private_users:
        if merged.model.nix_daemon:
            message = (
                "Without a user namespace, the Nix daemon inside would be the host's root, which"
                " the agent has builds run by."
            )
            hint = "Write `privateUsers = true`, or `nixDaemon = false`."
            where = merged.value(("isolation", "privateUsers"))
            yield error("nix-daemon-as-host-root", message, hint, where)
        if not user_namespaces(isolation):
            by = "userNamespaces" if isolation.user_namespaces is not None else "syscallFilter"
            message = (
                "Without a user namespace of its own, a sandbox cannot be kept from making others:"
                " the limit would be the host's."
            )
            hint = "Write `privateUsers = true`, or `userNamespaces = true`."
            yield error("namespaces-of-host", message, hint, merged.value(("isolation", by)))
        return
    for index, name in enumerate(isolation.capabilities):
        if not OFFERED[name]:
            message = f"`{name}` has no effect in a user namespace, which the sandbox has."
            hint = "Remove it; only with `privateUsers = false`, which is worse, would it have one."
            where = merged.value(("isolation", "capabilities", index))
            yield error("capability-without-effect", message, hint, where)
