"""Have the host's kernel run a program when a device appears."""

from tests.attacks.attack import first_writable

FENCE = "read-only /sys, user namespace"
UNCONTROLLED = "the kernel of the tests has none"

first_writable(["/sys/kernel/uevent_helper"])
