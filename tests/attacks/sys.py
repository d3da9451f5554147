"""Find one file in /sys that can be written."""

import os

from tests.attacks.attack import first_writable

FENCE = "read-only /sys, user namespace"
CONTROL = "machine"

first_writable(
    [
        os.path.join(directory, name)
        for directory, below, names in os.walk("/sys")
        if "/cgroup" not in directory
        for name in names
    ]
)
