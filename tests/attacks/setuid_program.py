"""Gain root by a program that is setuid root."""

import os
import subprocess

from tests.attacks.attack import broken, held

FENCE = "NoNewPrivileges"
USERS = ("agent",)
CONTROL_USER = "alice"

# Made by the sandbox's root beforehand.
if not os.path.exists("/opt/setuid-grep"):
    held("there is none")
shown = subprocess.run(
    ["/opt/setuid-grep", "^Uid:", "/proc/self/status"], capture_output=True, text=True, check=True
)
_, _, effective, _, _ = shown.stdout.split()
if effective == "0":
    broken("it ran as root")
held(f"it ran as {effective}")
