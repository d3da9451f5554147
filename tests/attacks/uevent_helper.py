"""Have the host's kernel run a program when a device appears."""

from tests.attacks.attack import first_writable

FENCE = "read-only /sys, user namespace"
CONTROL = "machine"
LACKS = "the kernel has no uevent_helper"

first_writable(["/sys/kernel/uevent_helper"])
