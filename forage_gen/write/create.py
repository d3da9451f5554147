"""Making one file."""

import os
import stat
from contextlib import suppress
from typing import Final

_CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def create(directory: int, name: str, content: bytes, mode: int) -> None:
    """Makes a file that is not there yet, with exactly this mode.

    Raises:
        OSError: As open(2), write(2) and close(2) say. Some file systems (NFS, quotas)
            report a full disk only on closing.
    """
    descriptor = os.open(name, _CREATE, mode, dir_fd=directory)
    try:
        # The umask or a default ACL of the directory may have taken bits away.
        if stat.S_IMODE(os.fstat(descriptor).st_mode) != mode:
            os.fchmod(descriptor, mode)
        written = os.write(descriptor, content)
        while written < len(content):
            written += os.write(descriptor, memoryview(content)[written:])
    except BaseException:
        with suppress(OSError):
            os.close(descriptor)
        raise
    os.close(descriptor)
