"""Make the block device of the host's disk, and read from it."""

import os
import stat

from tests.attacks.attack import broken, held

FENCE = "user namespace, device control group"
UNCONTROLLED = "the tests' machine lets nobody do it"

device = os.stat("/workspace" if os.path.exists("/workspace") else "/").st_dev
try:
    os.mknod("/tmp/disk", stat.S_IFBLK | 0o600, device)
    with open("/tmp/disk", "rb") as file:
        file.read(16)
except OSError as failure:
    held(failure)
broken("the disk can be read")
