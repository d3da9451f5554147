"""Connect to an abstract socket of the host."""

import socket

from tests.attacks.attack import broken, held

FENCE = "network namespace"
SOURCE = "unix(7)"

with socket.socket(socket.AF_UNIX) as client:
    try:
        client.connect("\0victim-of-the-host")
    except OSError as failure:
        held(failure)
broken("connected")
