"""Use the host's Nix daemon without having been given it."""

import socket

from tests.attacks.attack import broken, held

FENCE = "nixDaemon = false"

with socket.socket(socket.AF_UNIX) as client:
    try:
        client.connect("/nix/var/nix/daemon-socket/socket")
    except OSError as failure:
        held(failure)
broken("connected")
