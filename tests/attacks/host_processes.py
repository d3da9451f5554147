"""See a process of the host."""

import os

from tests.attacks.attack import broken, held

FENCE = "pid namespace"

for pid in os.listdir("/proc"):
    try:
        with open(f"/proc/{pid}/cmdline") as file:
            if "victim-of-the-host" in file.read():
                broken(f"process {pid} is the host's")
    except OSError:
        continue
held("no process of the host is there")
