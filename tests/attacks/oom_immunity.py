"""Never be killed when the host has no memory left."""

from tests.attacks.attack import CAP_SYS_RESOURCE, broken, refused_without

FENCE = "user namespace"
CONTROL = "machine"
LACKS = "the machine of the tests gives nobody CAP_SYS_RESOURCE"
SOURCE = "proc_pid_oom_score_adj(5)"

try:
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write("-1000")
except OSError as failure:
    refused_without(CAP_SYS_RESOURCE, failure)
broken("it cannot be killed for memory")
