"""Gain a capability by a program that has it."""

import os
import subprocess

from tests.attacks.attack import broken, held

FENCE = "NoNewPrivileges"
SOURCE = "capabilities(7)"
USERS = ("agent",)
CONTROL_USER = "alice"

if not os.path.exists("/opt/capable-grep"):
    held("there is none")
shown = subprocess.run(
    ["/opt/capable-grep", "^CapEff:", "/proc/self/status"],
    capture_output=True,
    text=True,
    check=False,
)
effective = shown.stdout.split()
if effective and int(effective[1], 16):
    broken(effective[1])
held("it has no capability")
