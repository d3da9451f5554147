"""Make the block device of a disk of the host, and read from it."""

import os
import stat

from tests.attacks.attack import FACTS, broken, held

FENCE = "user namespace, device control group"

disk = os.makedev(*map(int, FACTS["disk"].split(":")))
for device in (disk, os.stat("/workspace").st_dev):
    # Some places are mounted without devices.
    for place in ("/dev", "/opt", "/var/tmp", "/tmp"):
        path = f"{place}/disk"
        try:
            os.mknod(path, stat.S_IFBLK | 0o600, device)
            with open(path, "rb") as file:
                file.read(16)
        except OSError as failure:
            refused = failure
        else:
            broken("the disk can be read")
        finally:
            if os.path.lexists(path):
                os.unlink(path)
held(refused)
