"""Gain a capability by a program that has it."""

import os
import subprocess

from tests.attacks.attack import broken, held

FENCE = "NoNewPrivileges"
SOURCE = "capabilities(7)"
USERS = ("agent",)
CONTROL_USER = "alice"

if not os.path.exists("/opt/capable-cat"):
    held("there is none")
shown = subprocess.run(
    ["/opt/capable-cat", "/proc/self/status"], capture_output=True, text=True, check=False
)
effective = [line for line in shown.stdout.splitlines() if line.startswith("CapEff")]
if effective and int(effective[0].split()[1], 16):
    broken(effective[0])
held("it has no capability")
