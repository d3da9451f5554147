"""Take over a process of the sandbox's root."""

from tests.attacks.attack import attempt

FENCE = "no privileges for the agent"
SOURCE = "ptrace(2)"
USERS = ("agent",)

PTRACE_SEIZE = 0x4206
attempt("ptrace", PTRACE_SEIZE, 1, 0, 0)
