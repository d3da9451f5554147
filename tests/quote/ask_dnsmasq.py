"""Run dnsmasq and ask it for addresses, in a network namespace of its own.

Reads a JSON object: `servers`, the configurations of the servers to start, each
on a port of an address; `ruleset`, for nft; `address`, `port` and `names`, which
server to ask for what, and for records of which `type`: 1 is an IPv4 address.
Prints one: `answers`, to each name the address or null; `ttls`, how long the answer is
good for or null; `ruleset`, as nft lists it then.
"""

from __future__ import annotations

import json
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HEADER = struct.Struct("!6H")
WANT_RECURSION = 0x0100
CLASS_IN = 1
ANSWER = struct.Struct("!3HIH")


def main() -> None:
    """Do what the module says."""
    order = json.load(sys.stdin)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    own = order["address"]
    if own != "127.0.0.1":
        subprocess.run(["ip", "address", "add", f"{own}/32", "dev", "lo"], check=True)
    subprocess.run(["nft", "--file", "-"], input=order["ruleset"].encode(), check=True)
    with tempfile.TemporaryDirectory() as directory:
        servers = []
        for number, configuration in enumerate(order["servers"]):
            path = Path(directory, f"{number}.conf")
            path.write_text(configuration)
            command = [
                "dnsmasq",
                "--keep-in-foreground",
                "--user=root",
                "--pid-file=",
                f"--conf-file={path}",
            ]
            servers.append(subprocess.Popen(command))
        answers = [ask((own, order["port"]), name, order["type"]) for name in order["names"]]
        for server in servers:
            server.terminate()
            server.wait()
    listing = subprocess.run(
        ["nft", "--json", "list", "ruleset"],
        check=True,
        capture_output=True,
    )
    addresses, ttls = zip(*answers, strict=True)
    ruleset = json.loads(listing.stdout)["nftables"]
    json.dump({"answers": addresses, "ttls": ttls, "ruleset": ruleset}, sys.stdout)


def ask(server: tuple[str, int], name: str, kind: int) -> tuple[str | None, int | None]:
    """The first address of a name and its TTL. Asks again until the server is up."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    query = (
        HEADER.pack(7, WANT_RECURSION, 1, 0, 0, 0)
        + labels
        + b"\0"
        + struct.pack("!2H", kind, CLASS_IN)
    )
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(1)
            sock.connect(server)
            try:
                sock.send(query)
                reply = sock.recv(4096)
            except (ConnectionRefusedError, TimeoutError):
                time.sleep(0.01)
                continue
        count = HEADER.unpack_from(reply)[3]
        if not count:
            return None, None
        ttl = ANSWER.unpack_from(reply, len(query))[3]
        offset = len(query) + ANSWER.size  # the answer names the question by a pointer
        return socket.inet_ntoa(reply[offset : offset + 4]), ttl
    message = f"no answer to {name}"
    raise TimeoutError(message)


main()
