"""Gain root by a program that is setuid root."""

import os
import subprocess

from tests.attacks.attack import broken, held

FENCE = "NoNewPrivileges"
USERS = ("agent",)
CONTROL_USER = "alice"

# Made by the sandbox's root beforehand.
if not os.path.exists("/opt/setuid-id"):
    held("there is none")
shown = subprocess.run(["/opt/setuid-id", "-u"], capture_output=True, text=True, check=True)
if shown.stdout.strip() == "0":
    broken("it ran as root")
held(f"it ran as {shown.stdout.strip()}")
