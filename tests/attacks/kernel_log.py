"""Read the kernel's log."""

import ctypes

from tests.attacks.attack import attempt

FENCE = "system call filter, user namespace"
SOURCE = "syslog(2)"

buffer = ctypes.create_string_buffer(4096)
SYSLOG_ACTION_READ_ALL = 3
attempt("syslog", SYSLOG_ACTION_READ_ALL, buffer, 4096)
