"""Find one setting of the kernel, memory or file systems that can be written."""

import os

from tests.attacks.attack import first_writable

FENCE = "read-only /proc/sys, user namespace"
CONTROL = "machine"

first_writable(
    [
        os.path.join(directory, name)
        for top in ("kernel", "vm", "fs", "dev")
        for directory, _, names in os.walk(f"/proc/sys/{top}")
        for name in names
    ]
)
