"""See where the host's file systems are mounted."""

from tests.attacks.attack import broken, held

FENCE = "mount namespace"

with open("/proc/self/mountinfo") as file:
    for line in file:
        if " /run/netns" in line:
            broken(line)
held("none of the host's mounts is listed")
