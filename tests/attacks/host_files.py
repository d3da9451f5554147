"""Read a file of the host by its path, and by way of `..`."""

from tests.attacks.attack import find_marker

FENCE = "mount namespace"

find_marker(["", "/..", "/../../../../..", "/proc/self/root", "/proc/self/cwd/../../../.."])
