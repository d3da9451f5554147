"""Talk to the hypervisor, or to other machines on it, past every firewall."""

import socket

from tests.attacks.attack import broken, held

FENCE = "address families of the unit"
SOURCE = "vsock(7)"

try:
    socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM).close()
except OSError as failure:
    held(failure)
broken("a vsock could be made")
