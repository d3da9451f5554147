"""Share a namespace with the host."""

import json
import os

from tests.attacks.attack import FACTS, broken, held

FENCE = "all namespaces"
SOURCE = "namespaces(7)"
OPEN = {"shared": "it has no user namespace"}

host = json.loads(FACTS["namespaces"])
shared = [name for name, number in host.items() if os.readlink(f"/proc/self/ns/{name}") == number]
if shared:
    broken(f"shared: {', '.join(shared)}")
held(f"{len(host)} namespaces are its own")
