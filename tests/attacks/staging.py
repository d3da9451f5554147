"""What the attacks find and are told, on the test host and in a virtual machine."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING

from tests.attacks.attack import MARKER_TEXT

if TYPE_CHECKING:
    from collections.abc import Callable

VICTIM = "victim-of-the-host"
ROOTS = "/nix/var/nix/gcroots"

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


# Adds a path to the store with the text "$text" in its file "$1", and prints it.
_ADD = """
work=$(mktemp -d)
mkdir -p "$work/$(dirname "$1")"
printf %s "$text" >"$work/$1"
nix-store --add "$work/${1%%/*}"
rm -r "$work"
"""


def facts(ask: Callable[[str], str]) -> dict[str, str]:
    """What the attacks are told of the host. `ask` runs a command there, for what it prints.

    Returns:
        `machine_id`, `name` and `namespaces` (links in /proc); `store_path`, a path of its store
        that no system needs, with `store_text` in it; `garbage`, one that nothing keeps; and
        `root`, what keeps the other from its garbage collector.
    """
    text = shlex.quote(MARKER_TEXT)
    added = {
        name: ask(f"text={text}; set -- {file}\n{_ADD}").strip()
        for name, file in (("store_path", "private/notes"), ("garbage", "garbage"))
    }
    ask(f"ln -sfn {added['store_path']} {ROOTS}/{VICTIM}")
    return {
        "machine_id": ask("cat /etc/machine-id").strip(),
        "name": ask("uname -n").strip(),
        "namespaces": json.dumps(
            {name: ask(f"readlink /proc/self/ns/{name}").strip() for name in NAMESPACES}
        ),
        "store_text": MARKER_TEXT,
        "root": VICTIM,
        **added,
    }
