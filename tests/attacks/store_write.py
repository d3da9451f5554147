"""Write to the Nix store."""

import os

from tests.attacks.attack import broken, held

FENCE = "read-only mount"

path = "/nix/store/planted"
try:
    with open(path, "w") as file:
        file.write("x")
except OSError as failure:
    held(failure)
os.unlink(path)
broken("a file could be made in the store")
