"""System call filters: a named profile, or a list in systemd's syntax.

`SystemCallFilter=` of systemd.nspawn(5) adds to, and with `~` takes from, the
list of calls that nspawn allows. It differs from the setting of the same name
for services (systemd.exec(5)): no `:errno`, and a `~` at the start of a line
counts for the whole line, so allowed and denied items go on lines of their own.

nspawn allows some calls only with a capability. Forage drops CAP_SYS_PTRACE, which
is for looking at other users' processes, and allows what a debugger calls.

Taking a group away has a trap. nspawn goes through its own list of groups and
calls, and leaves out those that bear a denied name. A call that is in its list
by another way stays allowed, without a word: `~@debug` does not deny `ptrace`,
which nspawn lists by itself, and `~@privileged` denies next to nothing, as
nspawn's list has the parts of that group, but not the group. So Forage writes
the calls that would stay next to the group, and refuses the groups that cannot
be denied.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from forage_gen.values.problem import ValueProblem
from forage_gen.values.syscall_names import SYSCALL_NAMES
from forage_gen.values.text import closest, shown

_GROUPS = """
    @default @aio @basic-io @chown @clock @cpu-emulation @debug @file-system @io-event @ipc
    @keyring @known @memlock @module @mount @network-io @obsolete @pkey @privileged @process
    @raw-io @reboot @resources @setuid @signal @swap @sync @system-service @timer
"""

SYSCALL_GROUPS = frozenset(_GROUPS.split())
"""The groups that all of systemd 252 to 257 know (`systemd-analyze syscall-filter`)."""

DEBUGGERS = ("ptrace", "process_vm_readv", "process_vm_writev")
"""What nspawn would allow with CAP_SYS_PTRACE. The kernel lets users trace their own processes."""

_STRICT = """
    io_uring_enter io_uring_register io_uring_setup
    kcmp pidfd_getfd process_madvise process_vm_readv process_vm_writev ptrace
    get_mempolicy mbind migrate_pages move_pages set_mempolicy set_mempolicy_home_node
    fanotify_init fanotify_mark modify_ldt open_by_handle_at quotactl_fd remap_file_pages
    userfaultfd vhangup vmsplice
"""

SYSCALL_PROFILES: dict[str, tuple[str, ...]] = {
    # The list that nspawn allows by itself, and debuggers.
    "default": (),
    # Without what exploits of the kernel like, and neither a booted system nor a compiler needs.
    "strict": tuple(f"~{name}" for name in _STRICT.split()),
}
"""The named profiles: name to the items that it stands for."""

STRICT = "strict"

# What stays allowed of a group that is denied, as nspawn lists it besides.
_STAYS: dict[str, tuple[str, ...]] = {
    "@debug": ("ptrace",),
    "@ipc": ("process_vm_readv", "process_vm_writev"),
    "@reboot": ("reboot",),
    "@timer": ("times",),
}
# Groups of which nspawn's list has the parts, but not the whole.
_NOT_DENIABLE = {
    "@privileged": "`~@chown`, `~@clock`, `~@module`, `~@raw-io`, `~@reboot` and `~@swap`",
    "@system-service": "the groups that are to be denied",
    "@known": "the groups that are to be denied",
}
# Without these no program starts.
_ESSENTIAL = frozenset(
    {"@default", "@basic-io", "@file-system", "@io-event", "@process", "@signal"}
)
# Groups of newer releases. Where systemd does not know them, nspawn only warns.
_TOO_NEW = {"@sandbox": "`landlock_add_rule`, `landlock_create_ruleset`, `landlock_restrict_self`"}

_NAME = re.compile(r"[a-z_][a-z0-9_]*")
_ITEM = re.compile(r"~?@?[a-z_][a-z0-9_-]{0,40}")


@dataclass(frozen=True, slots=True)
class SyscallFilter:
    """What to add to and take from the system calls that nspawn allows.

    Attributes:
        allow: Groups and calls to allow.
        deny: Groups and calls to deny, without `~`. They win over `allow`.
        profile: The name of the profile; None for a list.
    """

    allow: tuple[str, ...]
    deny: tuple[str, ...]
    profile: str | None = None


def syscall_filter(value: str | Sequence[str]) -> SyscallFilter:
    """Read a system call filter.

    Args:
        value: The name of a profile; or a list of items, each a group such as
            `@mount` or a call such as `ptrace`, with `~` before it to deny it.

    Returns:
        The filter, each item once, in the order of the list.

    Raises:
        ValueProblem: The profile, a group or a call is unknown, or an item
            would not do what it says.
    """
    items = _profile(value) if isinstance(value, str) else value
    allow: dict[str, None] = {}
    deny: dict[str, None] = {}
    for item in items:
        name = item.removeprefix("~")
        _check_name(name, item)
        if name == item:
            allow[name] = None
        else:
            _check_deniable(name, item)
            deny.update(dict.fromkeys((name, *_STAYS.get(name, ()))))
    both = next((name for name in allow if name in deny), None)
    if both is not None:
        raise ValueProblem(
            code="syscall-both",
            message=f"`{both}` is both allowed and denied.",
            hint="Remove one of the two; nspawn would deny it.",
        )
    debuggers = (name for name in DEBUGGERS if name not in deny)
    return SyscallFilter(
        tuple(dict.fromkeys((*debuggers, *allow))),
        tuple(deny),
        value if isinstance(value, str) else None,
    )


def _profile(name: str) -> tuple[str, ...]:
    if name in SYSCALL_PROFILES:
        return SYSCALL_PROFILES[name]
    known = " or ".join(f"`{profile}`" for profile in SYSCALL_PROFILES)
    items = name.split()
    listed = all(_ITEM.fullmatch(item) for item in items) and (
        name.startswith(("@", "~")) or name in SYSCALL_NAMES
    )
    written = ", ".join(f'"{item}"' for item in items[:4])
    raise ValueProblem(
        code="syscall-profile",
        message=f"{shown(name)} is not a profile of system calls.",
        hint=f"Write a list: `[{written}]`." if listed else f"Write {known}, or a list of calls.",
    )


def _check_name(name: str, item: str) -> None:
    if name in SYSCALL_NAMES or name in SYSCALL_GROUPS:
        return
    if name in _TOO_NEW:
        raise ValueProblem(
            code="syscall-too-new",
            message=f"{shown(item)} is unknown to some releases of systemd, which would"
            " then ignore it.",
            hint=f"Write the calls themselves: {_TOO_NEW[name]}.",
        )
    if name.startswith("~"):
        raise ValueProblem(
            code="syscall-invalid",
            message=f"{shown(item)} has more than one `~`.",
            hint=f"Write {shown('~' + name.lstrip('~'))} to deny it.",
        )
    if len(name.split()) > 1:
        raise ValueProblem(
            code="syscall-invalid",
            message=f"{shown(item)} has several items in one.",
            hint="Write each as an entry of its own, each with its `~`.",
        )
    call, colon, _ = name.partition(":")
    if colon and (call in SYSCALL_NAMES or call in SYSCALL_GROUPS):
        raise ValueProblem(
            code="syscall-errno",
            message=f"{shown(item)} names an error number, which nspawn does not take.",
            hint=f"Write {shown(item.partition(':')[0])}.",
        )
    is_group = name.startswith("@")
    if not is_group and not _NAME.fullmatch(name):
        raise ValueProblem(
            code="syscall-invalid",
            message=f"{shown(item)} is neither a group nor a system call.",
            hint="Write a group such as `@mount` or a call such as `ptrace`, with `~` before it to"
            " deny it.",
        )
    near = closest(name, sorted(SYSCALL_GROUPS if is_group else SYSCALL_NAMES))
    group = f"@{name}" if f"@{name}" in SYSCALL_GROUPS else near
    sign = "~" if item.startswith("~") else ""
    raise ValueProblem(
        code="syscall-unknown",
        message=f"{shown(item)} is not a {'group' if is_group else 'system call'} that systemd"
        " knows.",
        hint=f"Did you mean `{sign}{group}`?"
        if group
        else "See the list that `systemd-analyze syscall-filter` prints.",
    )


def _check_deniable(name: str, item: str) -> None:
    if name in _NOT_DENIABLE:
        raise ValueProblem(
            code="syscall-not-deniable",
            message=f"{shown(item)} would deny next to nothing: nspawn's own list has the parts of"
            " this group, but not the group.",
            hint=f"Write {_NOT_DENIABLE[name]} instead.",
        )
    if name in _ESSENTIAL:
        raise ValueProblem(
            code="syscall-essential",
            message=f"{shown(item)} would deny calls that every program needs.",
            hint="Name the calls that are to be denied.",
        )
