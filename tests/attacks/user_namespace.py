"""Become root of a user namespace, which opens most of the kernel to its programs."""

from tests.attacks.attack import CLONE_NEWUSER, broken, held, syscall

FENCE = "limit of user namespaces"
SOURCE = "user_namespaces(7), CVE-2022-0185, CVE-2023-32233, CVE-2024-1086"
OPEN = {
    "coder": "bubblewrap and nested containers need it",
    "listed": "bubblewrap and nested containers need it",
    "shared": "bubblewrap and nested containers need it",
}

try:
    syscall("unshare", CLONE_NEWUSER)
except OSError as failure:
    held(failure)
broken("it has a user namespace of its own")
