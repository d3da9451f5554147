"""Raise a hard resource limit."""

import resource

from tests.attacks.attack import CAP_SYS_RESOURCE, broken, refused_without

FENCE = "user namespace"
CONTROL = "machine"
LACKS = "the machine of the tests gives nobody CAP_SYS_RESOURCE"
SOURCE = "getrlimit(2)"

resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
try:
    resource.setrlimit(resource.RLIMIT_CORE, (1, 1))
except (OSError, ValueError) as failure:
    refused_without(CAP_SYS_RESOURCE, failure)
broken("a lowered limit is raised again")
