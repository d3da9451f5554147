"""Set the host's clock."""

import ctypes
import errno
import struct

from tests.attacks.attack import attempt

FENCE = "system call filter, user namespace"
SOURCE = "clock_adjtime(2)"

# A second of no length: who may set the clock is told that it is invalid.
CLOCK_REALTIME, ADJ_TICK = 0, 0x4000
change = ctypes.create_string_buffer(struct.pack("I", ADJ_TICK), 256)
attempt("clock_adjtime", CLOCK_REALTIME, change, looked_at=(errno.EINVAL,))
