"""Have the host's kernel run a program when one crashes."""

from tests.attacks.attack import first_writable

FENCE = "read-only /proc/sys, user namespace"
CONTROL = "machine"
SOURCE = "core(5)"

first_writable(["/proc/sys/kernel/core_pattern"])
