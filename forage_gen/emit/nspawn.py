"""The `.nspawn` file of each sandbox: systemd.nspawn(5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from forage_gen.artifact import Artifact
from forage_gen.emit.render import render
from forage_gen.quote import nspawn as q
from forage_gen.resolve import plan as p

if TYPE_CHECKING:
    from collections.abc import Iterator

    from forage_gen.quote.nspawn import NspawnToken

_DPKG = "/var/lib/dpkg"


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
            drops=bool(template.capabilities_dropped),
            dropped=q.NspawnToken.joined(" ", map(q.name_word, template.capabilities_dropped)),
            syscall_filters=_syscall_filters(template),
            binds=list(_binds(sandbox)),
        )
        yield Artifact(f"nspawn/{sandbox.name}.nspawn", text.encode())


def _binds(sandbox: p.Sandbox) -> Iterator[NspawnToken]:
    """List the mounts, outer before inner as a reader expects; nspawn sorts them itself."""
    template = sandbox.template
    mapped = _mapped(template)
    if template.rootfs is not None:
        yield _mount(f"{template.rootfs}/usr", "/usr", mapped, read_only=True)
    if sandbox.store is not None:
        # Only all of the store is the host's own mount; what is made for it is mapped already.
        options = mapped if sandbox.store == p.NIX_STORE else ()
        yield _mount(sandbox.store, p.NIX_STORE, options, read_only=True)
    if template.nix_daemon:
        yield _mount(sandbox.nix_layer, p.NIX_LAYER, (), read_only=False)
    yield _mount(f"{p.TREE}/{template.facts_file}", p.FACTS_INSIDE, mapped, read_only=True)
    if sandbox.secrets:
        yield _mount(sandbox.secrets_dir, p.SECRETS, (), read_only=True)
    if sandbox.ssh_key:
        yield _mount(sandbox.ssh_agent_dir, p.SSH_AGENT, (), read_only=True)
    yield _bind(sandbox.workspace)
    for mount in sandbox.mounts:
        yield _bind(mount)


def _syscall_filters(template: p.Template) -> list[NspawnToken]:
    allow = [q.name_word(name) for name in template.syscalls_allowed]
    # One `~` before the first name denies all of its line.
    deny = [
        q.name_word(f"~{name}" if index == 0 else name)
        for index, name in enumerate(template.syscalls_denied)
    ]
    return [q.NspawnToken.joined(" ", words) for words in (allow, deny) if words]


def _mapped(template: p.Template) -> tuple[str, ...]:
    """What root owns on the host belongs to the sandbox's root; the mount is read-only."""
    return ("idmap",) if template.private_users else ()


def _mount(source: str, target: str, options: tuple[str, ...], *, read_only: bool) -> NspawnToken:
    setting = q.NspawnToken("BindReadOnly=" if read_only else "Bind=")
    return q.NspawnToken.joined("", [setting, q.bind(source, target, options)])


def _bind(bind: p.Bind) -> NspawnToken:
    return _mount(bind.staging, bind.target, (), read_only=bind.read_only)


def package_database(template: p.Template) -> str | None:
    """Write the value of BindReadOnly= that mounts dpkg's database, which says what /usr has.

    It is not in the sandbox's own file: not every root file system is Debian's.
    """
    if template.rootfs is None:
        return None
    return str(q.bind(f"{template.rootfs}{_DPKG}", _DPKG, _mapped(template)))


def over_itself(workspace: p.Bind, path: str) -> str:
    """Write the value of Bind= that mounts a path of the workspace over itself.

    It is not in the sandbox's own file: what is there when it starts decides whether the
    mount is read-only, and `forage-prepare` adds it.
    """
    return str(q.bind(f"{workspace.staging}/{path}", f"{workspace.target}/{path}"))
