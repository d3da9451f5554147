"""Connect to a socket of the host by its path."""

import socket

from tests.attacks.attack import broken, held

FENCE = "mount namespace"

with socket.socket(socket.AF_UNIX) as client:
    try:
        client.connect("/run/victim-of-the-host")
    except OSError as failure:
        held(failure)
broken("connected")
