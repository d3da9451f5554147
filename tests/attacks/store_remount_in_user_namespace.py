"""Become root of a user namespace, and mount the store writable there."""

import os

from tests.attacks.attack import (
    CLONE_NEWNS,
    CLONE_NEWUSER,
    MS_BIND,
    MS_REMOUNT,
    broken,
    held,
    mount,
    syscall,
)

FENCE = "locked mount flags"
PREPARE = "mount --bind /nix/store /nix/store"  # writable, so that nothing is locked
SOURCE = "mount_namespaces(7)"

try:
    syscall("unshare", CLONE_NEWUSER | CLONE_NEWNS)
    mount("none", "/nix/store", "none", MS_REMOUNT | MS_BIND)
    with open("/nix/store/planted", "w") as file:
        file.write("x")
except OSError as failure:
    held(failure)
os.unlink("/nix/store/planted")
broken("the store could be written")
