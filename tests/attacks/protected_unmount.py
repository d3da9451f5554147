"""Unmount what protects a path."""

import ctypes

from tests.attacks.attack import first_writable

FENCE = "locked mounts of another user namespace"
SOURCE = "mount_namespaces(7)"
OPEN = {"shared/root": "it is the host's root, and mounts what it likes"}

libc = ctypes.CDLL(None, use_errno=True)
MNT_DETACH = 2
for path in (b"/workspace/.git/config", b"/workspace/.git/hooks", b"/workspace/.git"):
    libc.umount2(path, MNT_DETACH)
first_writable(["/workspace/.git/config"])
