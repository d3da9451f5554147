"""Load another kernel."""

import errno

from tests.attacks.attack import attempt

FENCE = "system call filter, user namespace"
UNCONTROLLED = "the kernel of the tests has none"

attempt("kexec_load", 0, 0, None, 0xFFFF, looked_at=(errno.EINVAL,))
