"""Have the host swap to a file of the sandbox."""

import errno

from tests.attacks.attack import attempt

FENCE = "system call filter, user namespace"

attempt("swapon", b"/etc/passwd", 0, looked_at=(errno.EINVAL, errno.ENOENT, errno.EBUSY))
