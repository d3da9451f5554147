"""What the system inside a root file system does not start: none of it has a use in a sandbox.

An empty file masks a unit (systemd.unit(5)) or a generator (systemd.generator(7)).
The module masks the same in a NixOS guest: nixos-module/guest.nix.
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


def masks(root: str) -> Iterator[Artifact]:
    """Yield the empty files, below the guest's root."""
    for generator in (*GENERATORS, FSTAB_GENERATOR):
        yield Artifact(f"{root}/etc/systemd/system-generators/{generator}", b"")
    for unit in UNITS:
        yield Artifact(f"{root}/etc/systemd/system/{unit}", b"")
