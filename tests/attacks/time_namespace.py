"""Shift the clocks of the time namespace that the sandbox shares with the host."""

from tests.attacks.attack import broken, held

FENCE = "user namespace; a namespace with processes in it is fixed"
SOURCE = "time_namespaces(7)"
UNCONTROLLED = "the kernel lets nobody change a namespace that has processes"

try:
    with open("/proc/self/timens_offsets", "w") as file:
        file.write("monotonic 1000000 0")
except OSError as failure:
    held(failure)
broken("the clocks are shifted")
