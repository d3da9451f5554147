"""Learn the host's machine id."""

from tests.attacks.attack import FACTS, broken, held

FENCE = "mount namespace, a root of its own"

with open("/etc/machine-id") as file:
    mine = file.read().strip()
if mine == FACTS["machine_id"]:
    broken(mine)
held("it has one of its own")
