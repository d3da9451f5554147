"""Directories that are more than one project's, or more than one program's."""

from __future__ import annotations

from pathlib import PurePosixPath

from forage_gen.values.paths import is_at_or_below

SYSTEM = (
    *("/bin", "/boot", "/etc", "/lib", "/lib32", "/lib64", "/libx32", "/libexec"),
    *("/nix", "/sbin", "/usr"),
)
"""Directories of the system, with all that is in them (file-hierarchy(7)). Those with services of
the host in them are errors wherever they are mounted."""

COMMON = tuple(
    """
    /home /media /mnt /opt /root /srv /tmp /var/cache /var/home /var/log /var/root
    /var/spool /var/tmp
    """.split()  # noqa: SIM905  a line for each of so many words reads worse
)
"""Directories that belong to many: each of them whole, but not what is in it."""

HOMES = ("/home", "/var/home", "/usr/home")
"""Where homes of users are."""

CREDENTIALS = (
    *(".aws", ".azure", ".docker", ".gnupg", ".kube", ".mozilla", ".password-store", ".pki"),
    *(".ssh", ".config/containers", ".config/gcloud", ".config/gh", ".config/git"),
    *(".config/op", ".config/rclone", ".config/sops", ".config/systemd"),
    *(".local/bin", ".local/share/keyrings", ".local/share/systemd"),
)
"""What of a home holds keys of other programs, or what the user's session runs."""


def wide(path: str, home: str) -> str | None:
    """Say what kind of directory `path` is, if it is more than one project."""
    if path in (home, "/root") or str(PurePosixPath(path).parent) in HOMES:
        return "a home directory"
    if is_at_or_below(home, path):
        return "a directory with a home directory in it"
    if any(is_at_or_below(path, system) for system in SYSTEM):
        return "a directory of the system"
    return "a directory that many programs share" if path in COMMON else None
