"""Write to a protected file by another name of it."""

import os

from tests.attacks.attack import broken, held

FENCE = "a link cannot cross a mount"
SOURCE = "link(2), EXDEV"

try:
    os.link("/workspace/.git/config", "/workspace/linked")
except OSError as failure:
    held(failure)
os.unlink("/workspace/linked")
broken("it has another name")
