"""Change what the sandbox is told about itself."""

from tests.attacks.attack import first_writable

FENCE = "read-only mount"
PREPARE = "touch /etc/forage.json"

first_writable(["/etc/forage.json", "/workspace/../etc/forage.json"])
