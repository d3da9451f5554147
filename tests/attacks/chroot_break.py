"""Leave the root by the classic way: chroot(2) into a directory, with the old one kept."""

import os

from tests.attacks.attack import find_marker, held

FENCE = "mount namespace, pivot_root"
SOURCE = "chroot(2)"

old = os.open("/", os.O_RDONLY)
os.makedirs("/tmp/jail", exist_ok=True)
try:
    os.chroot("/tmp/jail")
except OSError as failure:
    held(failure)
os.fchdir(old)
for _ in range(64):
    os.chdir("..")
os.chroot(".")
find_marker([""])
