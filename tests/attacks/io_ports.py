"""Talk to the machine's hardware directly."""

import ctypes
import errno
import os

from tests.attacks.attack import absent, broken, held

FENCE = "system call filter, user namespace"
CONTROL = "machine"
LACKS = "the kernel has no iopl(2)"
SOURCE = "iopl(2)"

libc = ctypes.CDLL(None, use_errno=True)
if not hasattr(libc, "iopl"):
    absent("this architecture has no ports")
if libc.iopl(3) == 0:
    broken("all ports are open")
number = ctypes.get_errno()
if number == errno.ENOSYS:
    absent(os.strerror(number))
held(os.strerror(number))
