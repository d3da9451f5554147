"""Trace a process of one's own, as debuggers do."""

import ctypes
import os
import signal

from tests.attacks.attack import broken, held, syscall

PTRACE_ATTACH, PTRACE_DETACH = 16, 17

FENCE = "system call filter"
SOURCE = "ptrace(2)"
OPEN = {
    "coder": "debuggers and strace need it",
    "shared": "debuggers and strace need it",
}

child = os.fork()
if child == 0:
    signal.pause()
try:
    syscall("ptrace", PTRACE_ATTACH, child, ctypes.c_void_p(0), ctypes.c_void_p(0))
except OSError as failure:
    held(failure)
finally:
    os.kill(child, signal.SIGKILL)
broken("a process is traced")
