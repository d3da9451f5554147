"""Use network protocols that nobody needs and few review."""

import socket

from tests.attacks.attack import broken, held

FENCE = "address families of the unit"

RARE = {
    "AX25": 3,
    "X25": 9,
    "KEY": 15,
    "RDS": 21,
    "LLC": 26,
    "CAN": 29,
    "TIPC": 30,
    "KCM": 41,
    "XDP": 44,
}
for name, number in RARE.items():
    for kind in (socket.SOCK_RAW, socket.SOCK_SEQPACKET, socket.SOCK_DGRAM):
        try:
            socket.socket(number, kind).close()
        except OSError as failure:
            refused = failure
        else:
            broken(f"a socket of AF_{name} could be made")
held(refused)
