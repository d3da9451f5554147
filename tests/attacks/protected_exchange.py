"""Exchange the repository with a directory of its own in one step."""

import ctypes
import os

from tests.attacks.attack import broken, held

FENCE = "a mount point cannot be renamed"
SOURCE = "renameat2(2)"

os.makedirs("/tmp/other/hooks", exist_ok=True)
try:
    os.makedirs("/workspace/other", exist_ok=True)
except OSError as failure:
    held(failure)
libc = ctypes.CDLL(None, use_errno=True)
AT_FDCWD, RENAME_EXCHANGE = -100, 2
result = libc.renameat2(
    AT_FDCWD, b"/workspace/.git", AT_FDCWD, b"/workspace/other", RENAME_EXCHANGE
)
number = ctypes.get_errno()
if result == 0:
    libc.renameat2(AT_FDCWD, b"/workspace/.git", AT_FDCWD, b"/workspace/other", RENAME_EXCHANGE)
os.rmdir("/workspace/other")
if result == 0:
    broken("they could be exchanged")
held(os.strerror(number))
