"""Make /dev/mem and /dev/kmsg, and open them."""

import os
import stat

from tests.attacks.attack import broken, held

FENCE = "user namespace, device control group"
CONTROL = "machine"

for name, minor in (("mem", 1), ("kmsg", 11)):
    try:
        os.mknod(f"/tmp/{name}", stat.S_IFCHR | 0o600, os.makedev(1, minor))
        os.close(os.open(f"/tmp/{name}", os.O_RDONLY | os.O_NONBLOCK))
    except OSError as failure:
        refused = failure
    else:
        os.unlink(f"/tmp/{name}")
        broken(f"/dev/{name} could be made and opened")
held(refused)
