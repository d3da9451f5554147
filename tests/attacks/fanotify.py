"""Watch every file that anybody on the host opens."""

import os

from tests.attacks.attack import attempt

FENCE = "user namespace"
SOURCE = "fanotify_init(2)"

# FAN_CLASS_CONTENT
attempt("fanotify_init", 4, os.O_RDONLY)
