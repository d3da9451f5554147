"""Type into the terminal of whoever is attached (TIOCSTI)."""

import fcntl
import os
import pty
import termios

from tests.attacks.attack import broken, held

FENCE = "user namespace, dev.tty.legacy_tiocsti"
SOURCE = "TIOCSTI(2const)"
OPEN = {"shared/root": "it is the host's root"}

_, terminal = pty.openpty()
for path in ("/dev/console", os.ttyname(terminal)):
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY)
        fcntl.ioctl(descriptor, termios.TIOCSTI, b"x")
    except OSError as failure:
        refused = failure
    else:
        broken(f"typed into {path}")
held(refused)
