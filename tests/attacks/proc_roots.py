"""Read a file of the host through the root of any process in /proc."""

import os

from tests.attacks.attack import find_marker

FENCE = "pid namespace"

roots = [f"/proc/{pid}/{link}" for pid in os.listdir("/proc") for link in ("root", "cwd")]
find_marker(roots)
