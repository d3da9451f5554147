"""Read the kernel's memory."""

from tests.attacks.attack import first_readable

FENCE = "masked /proc, private /dev"
CONTROL = "machine"
LACKS = "the kernel has no /proc/kcore and no /dev/mem"

first_readable(["/proc/kcore", "/dev/mem", "/dev/kmem"])
