"""What a switch of NixOS compares: digests of files that units depend on.

`switch-to-configuration` compares unit files and no others. A digest of the others, in the
unit (`X-Restart-Triggers=`, `X-Reload-Triggers=`), makes a change of theirs one of the
unit's. It is what NixOS does with `restartTriggers` (nixos/lib/systemd-unit-options.nix).
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from forage_gen.artifact import Artifact
    from forage_gen.resolve import plan as p


class Triggers:
    """The artifacts of a tree, by whom a change of theirs is for."""

    def __init__(self, artifacts: Iterable[Artifact]) -> None:
        self._by_path: dict[str, Artifact] = {}
        self._guests: defaultdict[str, list[Artifact]] = defaultdict(list)
        for artifact in artifacts:
            self._by_path[artifact.path] = artifact
            top, _, below = artifact.path.partition("/")
            template, _, file = below.partition("/")
            if top == "guests" and file.startswith("root/"):
                self._guests[template].append(artifact)
        self._of_guest = {name: digest(files) for name, files in self._guests.items()}

    def sandbox(self, sandbox: p.Sandbox, mounts: Iterable[Artifact]) -> str:
        """Digest what a sandbox is started with: its settings, facts, mounts, and guest files.

        What it is told about itself (`forage.json`) is not among them: another list of hosts
        is loaded in place, and is told at the next start.
        """
        own = [f"nspawn/{sandbox.name}.nspawn", f"sandboxes/{sandbox.name}.conf"]
        own += [sandbox.environment_file] * bool(sandbox.environment)
        files = [*(self._by_path[path] for path in own), *mounts]
        return _short(f"{digest(files)} {self._of_guest[sandbox.template.name]}".encode())

    def rules(self) -> str:
        """Digest the rules of nftables, of all sandboxes."""
        return self.below("nftables/")

    def below(self, directory: str) -> str:
        """Digest all that is in a directory of the tree."""
        return digest(a for path, a in self._by_path.items() if path.startswith(directory))

    def files(self, *paths: str) -> str:
        """Digest some files."""
        return digest(self._by_path[path] for path in paths)


def digest(artifacts: Iterable[Artifact]) -> str:
    """Digest files, their paths and whether they can be executed."""
    sums = (f"{a.path} {a.executable} {_short(a.content)}\n" for a in artifacts)
    return _short("".join(sorted(sums)).encode())


def _short(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]
