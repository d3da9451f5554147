"""Mount a new /sys, and open one of the kernel's settings for writing."""

import os

from tests.attacks.attack import (
    CLONE_NEWNS,
    CLONE_NEWUSER,
    MS_REMOUNT,
    first_writable,
    held,
    mount,
    syscall,
)

FENCE = "network namespace of another user namespace"
OPEN = {"shared/root": "it is the host's root, and mounts what it likes"}

os.makedirs("/tmp/sys", exist_ok=True)
try:
    if os.geteuid():
        syscall("unshare", CLONE_NEWUSER | CLONE_NEWNS)
    mount("sysfs", "/tmp/sys", "sysfs")
    # What nspawn mounted is the same file system, and read-only as a whole.
    mount("sysfs", "/tmp/sys", "sysfs", MS_REMOUNT)
except OSError as failure:
    held(failure)
first_writable(
    ["/tmp/sys/kernel/uevent_helper", "/tmp/sys/kernel/profiling", "/tmp/sys/power/state"]
)
