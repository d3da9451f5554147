"""Send packets of its own making."""

import socket

from tests.attacks.attack import broken, held

FENCE = "network namespace of the host's user namespace"
SOURCE = "raw(7)"

for family, kind in ((socket.AF_INET, socket.SOCK_RAW), (socket.AF_PACKET, socket.SOCK_RAW)):
    try:
        socket.socket(family, kind, 255).close()
    except OSError as failure:
        refused = failure
    else:
        broken(f"a raw socket of {family.name}")
held(refused)
