"""Overwrite the program that started the sandbox (/proc/PID/exe)."""

import os

from tests.attacks.attack import first_writable

FENCE = "pid namespace, read-only /usr and store"
SOURCE = "CVE-2019-5736"
UNCONTROLLED = "a program that runs cannot be opened for writing anywhere (ETXTBSY)"

first_writable([f"/proc/{pid}/exe" for pid in os.listdir("/proc") if pid.isdigit()])
