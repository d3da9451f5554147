"""Use the kernel's crypto sockets, which many exploits went through."""

import errno
import socket

from tests.attacks.attack import absent, broken, held

FENCE = "address families of the unit"
CONTROL = "machine"
LACKS = "the kernel has no AF_ALG"
SOURCE = "CVE-2016-8646, CVE-2025-38079"

try:
    socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET).close()
except OSError as failure:
    if failure.errno == errno.EAFNOSUPPORT:
        absent(failure)
    held(failure)
broken("a socket of AF_ALG could be made")
