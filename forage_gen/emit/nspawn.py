"""The `.nspawn` file of each sandbox: systemd.nspawn(5)."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from forage_gen.artifact import Artifact
from forage_gen.emit.render import render
from forage_gen.quote import nspawn as q
from forage_gen.resolve import plan as p

if TYPE_CHECKING:
    from collections.abc import Iterator

    from forage_gen.quote.nspawn import NspawnToken

NIX_STORE = "/nix/store"
DAEMON_SOCKET = "/nix/var/nix/daemon-socket"


def artifacts(plan: p.Plan) -> Iterator[Artifact]:
    """Yield one file for each sandbox."""
    for sandbox in plan.sandboxes:
        template = sandbox.template
        users = f"{sandbox.uid_base}:{p.UIDS_PER_SANDBOX}" if template.private_users else "no"
        text = render(
            q.NspawnToken,
            "nspawn/sandbox.nspawn.j2",
            name=q.plain(sandbox.name),
            template=q.plain(template.name),
            users=q.plain(users),
            private_users=template.private_users,
            syscall_filter=q.plain(" ".join(template.syscall_filter)),
            binds=list(_binds(sandbox)),
        )
        yield Artifact(f"nspawn/{sandbox.name}.nspawn", text.encode())


def _binds(sandbox: p.Sandbox) -> Iterator[NspawnToken]:
    """List the mounts, outer before inner as a reader expects; nspawn sorts them itself."""
    template = sandbox.template
    # What root owns on the host belongs to the sandbox's root; the mount is read-only.
    mapped = ("idmap",) if template.private_users else ()
    if template.rootfs is not None:
        yield q.bind_read_only(f"{template.rootfs}/usr", "/usr", mapped)
    yield q.bind_read_only(NIX_STORE, NIX_STORE, mapped)
    if template.nix_daemon:
        yield q.bind_read_only(DAEMON_SOCKET, DAEMON_SOCKET, ())
    yield q.bind_read_only(f"{sandbox.facts}/forage.json", p.FACTS_INSIDE, mapped)
    if sandbox.secrets:
        yield q.bind_read_only(sandbox.secrets_dir, p.SECRETS, ())
    yield _bind(sandbox.workspace)
    for path in template.protected_paths:
        yield from _protect(sandbox.workspace, path)
    for mount in sandbox.mounts:
        yield _bind(mount)


def _bind(bind: p.Bind) -> NspawnToken:
    write = q.bind_read_only if bind.read_only else q.bind
    return write(bind.staging, bind.target, ())


def _protect(workspace: p.Bind, path: str) -> Iterator[NspawnToken]:
    """Mount a path read-only over itself, and what is above it over itself as it is.

    A directory that is a mount point cannot be renamed or removed (EBUSY, rename(2)), so
    the agent cannot move `.git` away and put another in its place.
    """
    for above in list(PurePosixPath(path).parents)[-2::-1]:
        yield q.bind(f"{workspace.staging}/{above}", f"{workspace.target}/{above}", ())
    yield q.bind_read_only(f"{workspace.staging}/{path}", f"{workspace.target}/{path}", ())
