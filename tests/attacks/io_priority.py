"""Have its disk access served before all others."""

from tests.attacks.attack import attempt

FENCE = "user namespace"
SOURCE = "ioprio_set(2)"
OPEN = {"shared/root": "it is the host's root"}

# IOPRIO_WHO_PROCESS, this process, IOPRIO_CLASS_RT
attempt("ioprio_set", 1, 0, 1 << 13)
