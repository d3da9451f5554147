"""Use the kernel's crypto sockets, which many exploits went through."""

import socket

from tests.attacks.attack import broken, held

FENCE = "address families of the unit"
UNCONTROLLED = "the kernel of the tests has no such sockets"
SOURCE = "CVE-2016-8646, CVE-2025-38079"

try:
    socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET).close()
except OSError as failure:
    held(failure)
broken("a socket of AF_ALG could be made")
