"""Talk to the machine's hardware directly."""

import ctypes
import os

from tests.attacks.attack import broken, held

FENCE = "system call filter, user namespace"
UNCONTROLLED = "the kernel of the tests has no ports"
SOURCE = "iopl(2)"

libc = ctypes.CDLL(None, use_errno=True)
if not hasattr(libc, "iopl"):
    held("this architecture has no ports")
if libc.iopl(3) == 0:
    broken("all ports are open")
held(os.strerror(ctypes.get_errno()))
