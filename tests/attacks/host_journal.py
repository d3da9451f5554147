"""Read the host's journal."""

import subprocess

from tests.attacks.attack import broken, held

FENCE = "mount namespace, LinkJournal=no"

said = subprocess.run(
    ["/usr/bin/journalctl", "--no-pager", "--merge", "--grep=forage-upstream|forage-firewall"],
    capture_output=True,
    text=True,
    check=False,
)
if "forage-" in said.stdout:
    broken(said.stdout.splitlines()[0])
held("nothing of the host is in it")
