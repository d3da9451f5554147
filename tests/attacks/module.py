"""Load a kernel module."""

import errno

from tests.attacks.attack import attempt

FENCE = "system call filter, user namespace"
CONTROL = "machine"
LACKS = "the kernel has no modules"

attempt("init_module", b"no module", 9, b"", looked_at=(errno.ENOEXEC, errno.EBADMSG, errno.EFAULT))
