"""Join the host's network namespace."""

import os

from tests.attacks.attack import FACTS, broken, held

FENCE = "pid namespace"

try:
    for pid in os.listdir("/proc"):
        if not pid.isdigit() or not os.path.exists(f"/proc/{pid}/ns/net"):
            continue
        if os.readlink(f"/proc/{pid}/ns/net") in FACTS["namespaces"]:
            broken(f"process {pid} is in it")
except PermissionError as failure:
    held(failure)
held("nobody here is in it")
