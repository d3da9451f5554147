"""Change the disk quotas of the host."""

import errno
import os

from tests.attacks.attack import attempt

FENCE = "system call filter, user namespace"
SOURCE = "quotactl(2)"

# Of the disk that the workspace is on. The limits that it would set are nowhere: who may set some
# is told so.
Q_SETQUOTA, USRQUOTA = 0x800008, 0
workspace = os.open("/workspace", os.O_RDONLY)
attempt("quotactl_fd", workspace, Q_SETQUOTA << 8 | USRQUOTA, 0, None, looked_at=(errno.EFAULT,))
