"""What the attacks find and are told, on the test host and in a virtual machine."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

NAMESPACES = ("cgroup", "ipc", "mnt", "net", "pid", "user", "uts")

# Programs that would give the agent more than it has, if anything did. Root has the capability
# to make the last one in the profile that keeps it (`listed`). That of `grep` is a file of its
# own everywhere; NixOS's coreutils are one program, which goes by the name that it has.
TEMPTATIONS = """
mkdir -p /opt
install -m 4755 "$(command -v grep)" /opt/setuid-grep
install -m 0755 "$(command -v grep)" /opt/capable-grep
setcap cap_dac_read_search+ep /opt/capable-grep || [ -e /etc/forage.json ]
"""

# What the attacks find in the workspace; on the host, /workspace is a plain directory. A sandbox
# makes what it protects when it starts, so this comes before that.
REPOSITORY = """
mkdir -p "$1"
cd "$1"
rm -rf .git
git init --quiet
mkdir -p .jj/repo/store/git .vscode
printf '../../../.git' >.jj/repo/store/git_target
"""


def facts(ask: Callable[[str], str]) -> dict[str, str]:
    """What the attacks are told of the host. `ask` runs a command there, for what it prints."""
    return {
        "machine_id": ask("cat /etc/machine-id").strip(),
        "name": ask("uname -n").strip(),
        "namespaces": json.dumps(
            {name: ask(f"readlink /proc/self/ns/{name}").strip() for name in NAMESPACES}
        ),
    }
