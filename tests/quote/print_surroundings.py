"""What a sandbox started from a .nspawn file sees, printed as JSON.

It is the sandbox's only program: `arguments`, its own; `variables`; `mounts`, a
list of mount points; `files`, the first line of each mounted file in /to.
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path


def main() -> None:
    """Print it."""
    table = Path("/proc/self/mountinfo").read_bytes().decode(errors="surrogateescape")
    fields = [line.split(" ")[4] for line in table.strip("\n").split("\n")]
    mounts = [re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), f) for f in fields]
    files = {path: Path(path).read_text() for path in mounts if path.startswith("/to/")}
    found = {
        "arguments": sys.argv[1:],
        "variables": dict(os.environ),
        "mounts": mounts,
        "files": files,
    }
    json.dump(found, sys.stdout)


main()
