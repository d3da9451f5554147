"""What the system inside a root file system does not start: none of it has a use in a sandbox.

An empty file masks a unit (systemd.unit(5)), a generator (systemd.generator(7)) or a file of
tmpfiles.d(5). The module masks the same units and generators in a NixOS guest:
nixos-module/guest.nix.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from forage_gen.artifact import Artifact

if TYPE_CHECKING:
    from collections.abc import Iterator

GENERATORS = (
    # What a kernel's command line asks for, and nspawn gives none.
    "systemd-debug-generator",
    "systemd-run-generator",
    # Disks.
    "systemd-cryptsetup-generator",
    "systemd-gpt-auto-generator",
    "systemd-hibernate-resume-generator",
    "systemd-integritysetup-generator",
    "systemd-tpm2-generator",
    "systemd-veritysetup-generator",
    # A login on the console, which the host has for its log.
    "systemd-getty-generator",
    # An sshd that nobody asked for, where there is one, on a socket that the host sees.
    "systemd-ssh-generator",
    # Updates of the system, which is gone when it stops.
    "systemd-system-update-generator",
)
"""Programs that a NixOS guest does without, too."""

FSTAB_GENERATOR = "systemd-fstab-generator"
"""The fence says what is mounted. NixOS keeps it: it has `fileSystems` of its own."""

UNITS = (
    # nspawn has made the root and /dev.
    "systemd-remount-fs.service",
    "systemd-tmpfiles-setup-dev-early.service",
    "systemd-tmpfiles-setup-dev.service",
    # The log ends with the sandbox, wherever it is.
    "systemd-journal-flush.service",
    # Nobody types a password, and nobody extends or measures this system.
    "systemd-ask-password-console.path",
    "systemd-ask-password-wall.path",
    "systemd-creds.socket",
    "systemd-initctl.socket",
    "systemd-pcrextend.socket",
    "systemd-pcrlock.socket",
    "systemd-sysext.socket",
)
"""Units that a NixOS guest does without, too."""


ON_DEMAND = "systemd-logind.service"
"""It keeps account of sessions, for those that log in with pam_systemd(8), who start it by D-Bus.

Only that the system's start waits for it is masked. NixOS has that link in its own units.
"""

NO_LOGIN = (
    # They keep people out until the system has started (pam_nologin(8)), which is when the init
    # commands are done.
    "etc/systemd/system/systemd-user-sessions.service",
    "etc/tmpfiles.d/systemd-nologin.conf",
)
"""What a system without init commands does without: it has started as soon as it can be used."""


def masks(root: str, *, init_commands: bool) -> Iterator[Artifact]:
    """Yield the empty files, below the guest's root."""
    for generator in (*GENERATORS, FSTAB_GENERATOR):
        yield Artifact(f"{root}/etc/systemd/system-generators/{generator}", b"")
    for unit in (*UNITS, f"multi-user.target.wants/{ON_DEMAND}"):
        yield Artifact(f"{root}/etc/systemd/system/{unit}", b"")
    if not init_commands:
        for path in NO_LOGIN:
            yield Artifact(f"{root}/{path}", b"")
