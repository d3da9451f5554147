"""Write to git's configuration, which the host's git obeys."""

from tests.attacks.attack import first_writable

FENCE = "read-only mount"
SOURCE = "CVE-2022-24765"

first_writable(["/workspace/.git/config"])
