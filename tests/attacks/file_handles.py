"""Open the host's root directory by its handle (open_by_handle_at, "Shocker")."""

import ctypes
import errno
import os

from tests.attacks.attack import attempt

FENCE = "user namespace"
SOURCE = "open_by_handle_at(2)"


class Handle(ctypes.Structure):
    _fields_ = (("bytes", ctypes.c_uint), ("type", ctypes.c_int), ("handle", ctypes.c_ubyte * 8))


# The inode 2 is the root of most file systems.
handle = Handle(8, 1, (ctypes.c_ubyte * 8)(2))
mount_descriptor = os.open("/workspace", os.O_RDONLY)
attempt(
    "open_by_handle_at",
    mount_descriptor,
    ctypes.byref(handle),
    os.O_RDONLY,
    looked_at=(errno.ESTALE, errno.EINVAL),
)
