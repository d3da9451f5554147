"""Read the memory of a process of the sandbox's root."""

from tests.attacks.attack import first_readable

FENCE = "no privileges for the agent"
USERS = ("agent",)

first_readable(["/proc/1/environ", "/proc/1/mem"])
