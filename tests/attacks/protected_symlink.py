"""Put a link in the place of a protected path, for the next start to follow."""

import os

from tests.attacks.attack import broken, held

FENCE = "a mount point cannot be removed or replaced"
SOURCE = "rename(2), EBUSY"

HOOKS, OWN, KEPT = "/workspace/.git/hooks", "/workspace/own", "/workspace/.git/kept"
try:
    os.symlink("/tmp", OWN)
    os.rename(HOOKS, KEPT)
    os.rename(OWN, HOOKS)
except OSError as failure:
    if os.path.islink(OWN):
        os.unlink(OWN)
    held(failure)
os.unlink(HOOKS)
os.rename(KEPT, HOOKS)
broken("the link is there")
