"""Load a kernel module from a file."""

import errno
import os

from tests.attacks.attack import attempt

FENCE = "system call filter, user namespace"
CONTROL = "machine"
LACKS = "the kernel has no modules"

attempt("finit_module", os.open("/etc/passwd", os.O_RDONLY), b"", 0, looked_at=(errno.ENOEXEC,))
