"""Take a processor for itself by real-time scheduling."""

import os

from tests.attacks.attack import broken, held

FENCE = "user namespace, RestrictRealtime"
CONTROL = "machine"
SOURCE = "sched(7)"

try:
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50))
except OSError as failure:
    held(failure)
os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
broken("it may run in real time")
