"""Open a ring of io_uring, in which many holes of the kernel were."""

import errno

from tests.attacks.attack import attempt

FENCE = "system call filter"
SOURCE = "io_uring_setup(2), CVE-2022-29582, CVE-2023-2598"
OPEN = {
    "coder": "databases and runtimes use it",
    "shared": "databases and runtimes use it",
}

# Without a structure for its parameters, the kernel says that there is none.
attempt("io_uring_setup", 1, 0, looked_at=(errno.EFAULT,))
