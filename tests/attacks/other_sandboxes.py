"""See another sandbox, or its files."""

import os

from tests.attacks.attack import broken, held

FENCE = "mount namespace"

names = ("research", "review", "neighbour")
places = (
    *("/var/lib/machines", "/home/alice/projects"),
    *(f"/run/forage/{kind}" for kind in ("nix", "stores", "workspaces")),
)
for place in places:
    for name in names:
        if os.path.exists(f"{place}/{name}"):
            broken(f"{place}/{name} is there")
held("none can be seen")
