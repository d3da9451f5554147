"""Change the disk quotas of the host."""

import errno

from tests.attacks.attack import attempt

FENCE = "system call filter"
SOURCE = "quotactl(2)"
UNCONTROLLED = "the call looks at the device first"

attempt(
    "quotactl",
    0x800002 << 8,
    b"/dev/null",
    0,
    None,
    looked_at=(errno.ENOTBLK, errno.ENODEV, errno.EINVAL),
)
