"""Hold the kernel in the middle of a copy, as many exploits do."""

import os

from tests.attacks.attack import attempt

FENCE = "system call filter"
SOURCE = "userfaultfd(2)"

attempt("userfaultfd", os.O_CLOEXEC)
