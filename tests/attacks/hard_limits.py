"""Raise a hard resource limit."""

import resource

from tests.attacks.attack import broken, held

FENCE = "user namespace"
UNCONTROLLED = "the tests' machine lets nobody do it"
SOURCE = "getrlimit(2)"

_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
try:
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard + 1))
except (OSError, ValueError) as failure:
    held(failure)
broken(f"the limit is {hard + 1}")
