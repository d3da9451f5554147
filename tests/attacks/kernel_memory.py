"""Read the kernel's memory."""

from tests.attacks.attack import first_readable

FENCE = "masked /proc, private /dev"
UNCONTROLLED = "the kernel of the tests has none"

first_readable(["/proc/kcore", "/dev/mem", "/dev/kmem"])
