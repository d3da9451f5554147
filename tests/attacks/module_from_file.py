"""Load a kernel module from a file."""

import errno
import os

from tests.attacks.attack import attempt

FENCE = "system call filter, user namespace"
UNCONTROLLED = "the kernel of the tests has none"

attempt("finit_module", os.open("/etc/passwd", os.O_RDONLY), b"", 0, looked_at=(errno.ENOEXEC,))
