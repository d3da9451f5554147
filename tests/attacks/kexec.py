"""Load another kernel."""

import errno

from tests.attacks.attack import attempt

FENCE = "system call filter, user namespace"
CONTROL = "machine"
LACKS = "the kernel has no kexec"

attempt("kexec_load", 0, 0, None, 0xFFFF, looked_at=(errno.EINVAL,))
