"""Set the host's clock."""

import ctypes
import errno

from tests.attacks.attack import attempt

FENCE = "system call filter, user namespace"
UNCONTROLLED = "the kernel refuses the invalid time before it looks at who asks"

# An invalid clock: whoever may set one is told so.
attempt("clock_settime", 0, ctypes.byref((ctypes.c_long * 2)(0, -1)), looked_at=(errno.EINVAL,))
