"""Have the host's kernel run another program as modprobe."""

from tests.attacks.attack import first_writable

FENCE = "read-only /proc/sys, user namespace"
CONTROL = "machine"
LACKS = "the kernel has no modules"

first_writable(["/proc/sys/kernel/modprobe", "/proc/sys/kernel/hotplug"])
