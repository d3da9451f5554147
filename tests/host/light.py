"""A project of many sandboxes with the lightest guest there is, to start and stop them often.

All that the host does for a sandbox is done for these as well. The guest is one process: it
says that it is ready, and ends when nspawn asks it to.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.host.activate import Activated, activate, compile_project, make_owner

if TYPE_CHECKING:
    from pathlib import Path

    from tests.testhost.host import TestHost

ROOTFS = "/srv/light"

# nspawn hears the word of process 1 alone, so that one becomes systemd-notify, and then waits
# for the signal by which a container is asked to end (systemd-nspawn(1), --kill-signal=).
_INIT = r"""#!/usr/bin/bash
exec systemd-notify --ready --exec -- \; \
  /usr/bin/bash -c 'trap "exit 0" RTMIN+3; sleep infinity & wait'
"""

_MAKE = """
rootfs=$1
mkdir -p "$rootfs"/{etc,var,usr/{bin,lib,sbin}}
for entry in bin lib lib64 sbin; do
  cp -P "/$entry" "$rootfs/$entry"
done
mkdir -p "$rootfs/usr/lib64"
for program in bash sleep systemd-notify; do
  path=/usr/bin/$program
  cp "$path" "$rootfs$path"
  ldd "$path" | grep -o '/[^ ]*' | while read -r library; do
    cp --parents -L "$library" "$rootfs"
  done
done
echo ID=light >"$rootfs/usr/lib/os-release"
: >"$rootfs/etc/passwd"
: >"$rootfs/etc/group"
"""


def names(count: int) -> list[str]:
    """The names of so many sandboxes."""
    return [f"light-{number:02}" for number in range(count)]


def activate_light(host: TestHost, work: Path, count: int) -> Activated:
    """Put a project of so many sandboxes onto a host that has no other, with nothing started."""
    host.write("/etc/resolv.conf", "nameserver 198.18.0.53\n")
    host.sh(_MAKE, ROOTFS)
    host.write(f"{ROOTFS}/usr/sbin/init", _INIT, mode=0o755)
    host.write("/etc/keys/light", "a key\n", mode=0o600)
    plan = compile_project(_project(work, count))
    make_owner(host, plan)
    activate(host, plan)
    return Activated(host, plan)


def _project(work: Path, count: int) -> Path:
    template = {
        "rootfs": ROOTFS,
        "nixDaemon": False,
        "network": "restricted",
        "allowedHosts": ["allowed.example.net", "192.168.77.20:8080"],
        "resetEvery": "daily",
        "resourceLimits": {"memoryMax": "256M", "tasksMax": 20, "diskMax": "64M"},
        "agents": {
            "probe": {
                "package": "python3",
                "secretName": "light",
                "auth": "wrapper",
                "authEnvVar": "PROBE_KEY",
            }
        },
        "workspace": {"mounts": {"docs": {"containerPath": "/srv/docs", "hostPath": "~/docs"}}},
    }
    project = {
        "user": "alice",
        "externalInterface": "wan0",
        "secrets": {"light": "/etc/keys/light"},
        "templates": {"light": template},
        "sandboxes": {
            name: {"template": "light", "workspace": f"~/projects/{name}"} for name in names(count)
        },
    }
    (work / "forage.json").write_text(json.dumps(project))
    return work
