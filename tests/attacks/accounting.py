"""Have the kernel write to a file whenever a process ends."""

import errno

from tests.attacks.attack import attempt

FENCE = "system call filter, user namespace"
SOURCE = "acct(2)"

attempt("acct", b"/nonexistent", looked_at=(errno.ENOENT,))
