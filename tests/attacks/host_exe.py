"""Overwrite a program that runs, such as the one that started the sandbox (/proc/PID/exe)."""

import os

from tests.attacks.attack import broken, held

FENCE = "pid namespace, read-only /usr and store"
SOURCE = "CVE-2019-5736"

# While it runs nobody can open it for writing (ETXTBSY). So runc's exploit kept a descriptor of
# the file, and waited; who may write it then, may do so by its mode and its mount now.
O_PATH = 0o10000000
refused: object = "there is none"
for pid in os.listdir("/proc"):
    if not pid.isdigit():
        continue
    try:
        program = os.open(f"/proc/{pid}/exe", O_PATH)
    except OSError as failure:
        refused = failure
        continue
    if os.access(f"/proc/self/fd/{program}", os.W_OK):
        broken(f"{os.readlink(f'/proc/{pid}/exe')} can be written")
    os.close(program)
held(refused)
