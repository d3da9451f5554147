"""Learn where the kernel's functions are."""

from tests.attacks.attack import broken, held

FENCE = "masked /proc, user namespace"

try:
    with open("/proc/kallsyms") as file:
        lines = file.readlines()
except OSError as failure:
    held(failure)
known = [line for line in lines if int(line.split()[0], 16)]
if known:
    broken(known[0])
held(f"the addresses of {len(lines)} symbols are hidden")
