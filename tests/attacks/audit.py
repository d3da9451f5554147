"""Read or change the host's audit rules."""

import os
import socket

from tests.attacks.attack import broken, held

FENCE = "nspawn's own filter, user namespace"
CONTROL = "machine"

NETLINK_AUDIT = 9
try:
    audit = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_AUDIT)
    # AUDIT_GET, NLM_F_REQUEST | NLM_F_ACK
    audit.send(
        (16).to_bytes(4, "little")
        + (1000).to_bytes(2, "little")
        + (5).to_bytes(2, "little")
        + bytes(8)
    )
    audit.settimeout(2)
    answer = int.from_bytes(audit.recv(4096)[16:20], "little", signed=True)
except OSError as failure:
    held(failure)
if answer < 0:
    held(os.strerror(-answer))
broken("the audit system answers")
