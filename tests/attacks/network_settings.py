"""Add an address to the sandbox's interface."""

import os
import subprocess

from tests.attacks.attack import broken, held

FENCE = "network namespace of the host's user namespace"

interface = os.listdir("/sys/class/net")[0]
done = subprocess.run(
    ["/usr/sbin/ip", "address", "add", "198.18.99.99/32", "dev", "lo"],
    capture_output=True,
    text=True,
    check=False,
)
if done.returncode:
    held(done.stderr.strip())
subprocess.run(["/usr/sbin/ip", "address", "del", "198.18.99.99/32", "dev", "lo"], check=False)
broken(f"{interface} has another address")
