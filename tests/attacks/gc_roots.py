"""Remove what keeps a path of the host's store from its garbage collector."""

import os

from tests.attacks.attack import FACTS, broken, held

FENCE = "mount namespace"
SOURCE = "nix-store(1), --add-root"

ROOTS = "/nix/var/nix/gcroots"
for directory in (ROOTS, "/nix/.forage/host-state/gcroots"):
    if os.path.lexists(f"{directory}/{FACTS['root']}") and os.access(directory, os.W_OK):
        broken(f"{directory}/{FACTS['root']} could be removed")
held("the roots of the host are not there")
