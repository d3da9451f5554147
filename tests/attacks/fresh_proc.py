"""Mount a new /proc, whose settings nothing masks, and open one for writing."""

import os

from tests.attacks.attack import (
    CLONE_NEWNS,
    CLONE_NEWPID,
    CLONE_NEWUSER,
    first_writable,
    held,
    mount,
    syscall,
)

FENCE = "user namespace"
OPEN = {"shared/root": "it is the host's root, and mounts what it likes"}

os.makedirs("/tmp/proc", exist_ok=True)
try:
    if os.geteuid():
        syscall("unshare", CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID)
    if os.fork():
        os.wait()
        raise SystemExit
    mount("proc", "/tmp/proc", "proc")
except OSError as failure:
    held(failure)
first_writable(["/tmp/proc/sys/kernel/core_pattern", "/tmp/proc/sysrq-trigger"])
