"""Mount the Nix store writable again."""

from tests.attacks.attack import MS_BIND, MS_REMOUNT, broken, held, mount

FENCE = "user namespace, locked mount flags"
OPEN = {"shared/root": "it is the host's root, and mounts what it likes"}
PREPARE = "mount --bind -o ro /nix/store /nix/store"

try:
    mount("none", "/nix/store", "none", MS_REMOUNT | MS_BIND)
except OSError as failure:
    held(failure)
broken("the store could be remounted")
