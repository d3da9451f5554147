"""Shift the clocks of the time namespace that the sandbox shares with the host."""

from tests.attacks.attack import CLONE_NEWTIME, FACTS, broken, held, syscall

FENCE = "user namespace; a namespace with processes in it is fixed"
SOURCE = "time_namespaces(7)"

if "control" in FACTS:
    syscall("unshare", CLONE_NEWTIME)  # one that has no processes yet
try:
    with open("/proc/self/timens_offsets", "w") as file:
        file.write("monotonic 1000000 0")
except OSError as failure:
    held(failure)
broken("the clocks are shifted")
