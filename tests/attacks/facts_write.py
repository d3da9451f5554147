"""Change what the sandbox is told about itself."""

from tests.attacks.attack import first_writable

FENCE = "read-only mount"
UNCONTROLLED = "the host has no such file"

first_writable(["/etc/forage.json", "/workspace/../etc/forage.json"])
