"""The isolation profiles that are attacked: the sandboxes of the test projects that have them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.attacks.catalogue import Attack

PROFILES = {
    "coder": "default",
    "strict": "strict",
    "listed": "a list",
    "shared": "shared users",
    "builder": "`nixDaemon`",
    "website": "`storeClosure`",
}
"""Name of the sandbox, and what the table calls its profile."""

DEFAULT = "coder"
"""The one whose template says nothing of isolation."""
OF_THE_EXAMPLE = {"website"}
"""Those of the README's example, whose systems are in the Nix store. They run on its own host."""

FOR_MOUNTS = {"builder", "website"}
"""Options that change what is mounted, and nothing else: only these attacks are of interest."""

ABOUT_MOUNTS = frozenset(
    (
        *("chroot_break", "descriptor_of_root", "disk_device", "facts_write", "file_handles"),
        *("fresh_proc", "fresh_sysfs", "gc_roots", "host_exe", "host_files", "host_mounts"),
        *("host_socket", "leaked_descriptors", "machine_id", "memory_of_root", "namespaces"),
        *("other_sandboxes", "other_secrets", "proc_roots", "protected_hook", "protected_unmount"),
        *("protected_write", "ptrace_root", "setuid_program", "store_remount"),
        *("store_remount_elsewhere", "store_remount_in_user_namespace", "store_write"),
        *("strange_devices", "workspace_device", "workspace_setuid"),
    )
)


def tried_in(attack: Attack, sandbox: str) -> bool:
    """Whether an attack is tried in a sandbox."""
    if attack.only:
        return sandbox in attack.only
    return sandbox not in FOR_MOUNTS or attack.name in ABOUT_MOUNTS
