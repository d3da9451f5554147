"""Crash or restart the host by /proc/sysrq-trigger."""

from tests.attacks.attack import first_writable

FENCE = "masked /proc, user namespace"
CONTROL = "machine"
LACKS = "the kernel has no sysrq"

first_writable(["/proc/sysrq-trigger"])
