"""Leave a device in the workspace for somebody on the host to open."""

import os
import stat

from tests.attacks.attack import broken, held

FENCE = "user namespace, nodev mount"

try:
    os.mknod("/workspace/null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
except OSError as failure:
    held(failure)
os.unlink("/workspace/null")
broken("a device could be made")
