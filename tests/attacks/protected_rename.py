"""Move the repository away, and put another in its place."""

import os

from tests.attacks.attack import broken, held

FENCE = "a mount point cannot be renamed"
SOURCE = "rename(2), EBUSY"

try:
    os.rename("/workspace/.git", "/workspace/moved")
except OSError as failure:
    held(failure)
os.rename("/workspace/moved", "/workspace/.git")
broken("it could be moved")
