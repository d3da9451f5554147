"""Bind the Nix store to another place, and mount that writable."""

import os

from tests.attacks.attack import MS_BIND, MS_REMOUNT, broken, held, mount

FENCE = "user namespace, locked mount flags"
OPEN = {"shared/root": "it is the host's root, and mounts what it likes"}

os.makedirs("/tmp/store", exist_ok=True)
try:
    mount("/nix/store", "/tmp/store", "none", MS_BIND)
    mount("none", "/tmp/store", "none", MS_REMOUNT | MS_BIND)
except OSError as failure:
    held(failure)
broken("a copy of the mount could be made writable")
