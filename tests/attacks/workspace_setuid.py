"""Leave a program in the workspace that is root's and setuid."""

import os

from tests.attacks.attack import broken, held

FENCE = "id-mapped mount that maps the owner alone"
SOURCE = "mount_setattr(2)"
OPEN = {"shared/root": "it is the host's root"}

path = "/workspace/setuid-root"
try:
    with open(path, "w") as file:
        file.write("#!/bin/sh\n")
    os.chown(path, 0, 0)
    os.chmod(path, 0o4755)
except OSError as failure:
    if os.path.exists(path):
        os.unlink(path)
    held(failure)
os.unlink(path)
broken("it is there")
