"""The Nix daemon of a sandbox's own: nix.conf(5), and its units in a root file system.

It runs inside, so all that fences the sandbox fences what it builds and downloads. Its store
is a `local-overlay` store of Nix: the host's below, and a layer of the sandbox's own on top.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from forage_gen.artifact import Artifact
from forage_gen.catalogue import NIX_CACHE, NIX_CACHE_KEY, NIX_CACHE_PORT
from forage_gen.emit.guest_unit import HEAD, guest_unit
from forage_gen.resolve import plan as p
from forage_gen.resolve.policy import Decisions

if TYPE_CHECKING:
    from collections.abc import Iterator

# The host's store and a copy of its database, which are read and never written.
_LOWER = "local://?" + urlencode(
    {
        "read-only": "true",
        "real": f"{p.NIX_LAYER}/host-store",
        "state": f"{p.NIX_LAYER}/host-state",
    }
)
# The mount is the host's and so are the paths in its options: Nix cannot compare them.
_STORE = "local-overlay://?" + urlencode(
    {"check-mount": "false", "lower-store": _LOWER, "upper-layer": f"{p.NIX_LAYER}/upper"}
)

_SOCKET = f"""\
{HEAD}
[Unit]
Description=Nix daemon socket

[Socket]
ListenStream=/nix/var/nix/daemon-socket/socket
"""

_SERVICE = f"""\
{HEAD}
[Unit]
Description=Nix daemon of this sandbox
Requires=nix-daemon.socket

[Service]
ExecStart={p.NIX_DAEMON}
# The builders end with it.
KillMode=mixed
LimitNOFILE=1048576
# A builder that was killed for its memory is not the end of the daemon.
OOMPolicy=continue
"""


def artifacts(plan: p.Plan) -> Iterator[Artifact]:
    """Yield what each template with `nixDaemon` has inside; a NixOS system has its own units."""
    for template in plan.templates:
        if not template.nix_daemon:
            continue
        root = template.guest_root
        yield Artifact(f"{root}{p.NIX_CONF_DIR}/nix.conf", _conf(template).encode())
        if template.rootfs is not None:
            yield from guest_unit(root, "nix-daemon.socket", _SOCKET, "sockets.target")
            yield from guest_unit(root, "nix-daemon.service", _SERVICE)


def has_cache(template: p.Template) -> bool:
    """Whether the daemon may download from the public cache: the sandbox itself may."""
    if template.network is p.Network.FULL:
        return True
    return Decisions(template.names, template.exceptions).allows(NIX_CACHE, NIX_CACHE_PORT)


def _conf(template: p.Template) -> str:
    return f"""\
{HEAD}#
# Of the sandbox's own Nix daemon. Its clients have /etc/nix/nix.conf, if they have one.
experimental-features = local-overlay-store read-only-local-store
store = {_STORE}
{_cache(template)}
require-sigs = true

# Who is in the sandbox may build, and nobody may change these settings.
allowed-users = *
trusted-users =
build-users-group = nixbld
sandbox = true
sandbox-fallback = false
"""


def _cache(template: p.Template) -> str:
    if not has_cache(template):
        return f"# {NIX_CACHE} cannot be reached from here.\nsubstituters ="
    return f"substituters = https://{NIX_CACHE}\ntrusted-public-keys = {NIX_CACHE_KEY}"
