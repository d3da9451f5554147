"""Never be killed when the host has no memory left."""

from tests.attacks.attack import broken, held

FENCE = "user namespace"
UNCONTROLLED = "the tests' machine lets nobody do it"
SOURCE = "proc_pid_oom_score_adj(5)"

try:
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write("-1000")
except OSError as failure:
    held(failure)
broken("it cannot be killed for memory")
