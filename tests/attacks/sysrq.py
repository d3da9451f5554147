"""Crash or restart the host by /proc/sysrq-trigger."""

from tests.attacks.attack import first_writable

FENCE = "masked /proc, user namespace"
UNCONTROLLED = "the kernel of the tests has none"

first_writable(["/proc/sysrq-trigger"])
