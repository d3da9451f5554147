"""Leave a hook that the host's git would run."""

import os

from tests.attacks.attack import broken, held

FENCE = "read-only mount"
SOURCE = "githooks(5)"

try:
    with open("/workspace/.git/hooks/pre-commit", "w") as file:
        file.write("#!/bin/sh\n")
except OSError as failure:
    held(failure)
os.unlink("/workspace/.git/hooks/pre-commit")
broken("the hook is there")
