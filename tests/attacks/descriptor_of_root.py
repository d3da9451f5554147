"""Take a descriptor from a process of the sandbox's root."""

from tests.attacks.attack import attempt, held, syscall

FENCE = "no privileges for the agent"
SOURCE = "pidfd_getfd(2)"
USERS = ("agent",)

try:
    process = syscall("pidfd_open", 1, 0)
except OSError as failure:
    held(failure)
attempt("pidfd_getfd", process, 0, 0)
