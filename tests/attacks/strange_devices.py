"""Open a device that is not harmless."""

import os
import stat

from tests.attacks.attack import broken, held

FENCE = "private /dev"

# null, zero, full, random and urandom; tty, console and ptmx.
HARMLESS = {(1, minor) for minor in (3, 5, 7, 8, 9)} | {(5, minor) for minor in (0, 1, 2)}
refused: object = "none is there"
for directory, _, names in os.walk("/dev"):
    for name in names:
        path = os.path.join(directory, name)
        found_here = os.lstat(path)
        is_device = stat.S_ISCHR(found_here.st_mode) or stat.S_ISBLK(found_here.st_mode)
        number = (os.major(found_here.st_rdev), os.minor(found_here.st_rdev))
        if not is_device or number in HARMLESS or directory == "/dev/pts":
            continue
        try:
            os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK))
        except OSError as failure:
            refused = failure
        else:
            broken(f"{path} can be opened")
held(refused)
