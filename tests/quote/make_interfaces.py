"""Make network interfaces of the names given, and print the names that they got.

It runs in a network namespace of its own, which takes them away with it.
"""

from __future__ import annotations

import fcntl
import json
import struct
import sys
from pathlib import Path

TUNSETIFF = 0x400454CA
TUNSETPERSIST = 0x400454CB
IFF_TUN = 1
IFNAMSIZ = 16


def main() -> None:
    """Read a JSON list of names, print the list of those that the kernel took."""
    names = []
    for name in json.load(sys.stdin):
        request = struct.pack(f"{IFNAMSIZ}sH22x", name.encode(), IFF_TUN)
        with Path("/dev/net/tun").open("r+b", buffering=0) as tun:
            answer = fcntl.ioctl(tun, TUNSETIFF, request)
            # All go away at once with the namespace, which is faster than one by one.
            fcntl.ioctl(tun, TUNSETPERSIST, 1)
        names.append(answer[:IFNAMSIZ].rstrip(b"\0").decode())
    sys.stdout.write(json.dumps(names))


main()
