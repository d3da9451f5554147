"""Small projects with sources."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

from tests.read.projects import write

if TYPE_CHECKING:
    from pathlib import Path

TEMPLATE = """\
network = "none"
extraPackages = [{packages}]
"""
SANDBOX = """\
[sandboxes.web]
template = "web"
workspace = "/srv/web"
"""


class Project:
    """A project on disk, whose one template uses all of its sources."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._sources: dict[str, dict[str, str]] = {}
        self._write()

    @property
    def lock_file(self) -> Path:
        return self.root / "forage.lock"

    @property
    def pins(self) -> dict[str, dict[str, str]]:
        """The pins that are in the lock."""
        found: dict[str, dict[str, str]] = tomllib.loads(self.lock_file.read_text())["sources"]
        return found

    def source(self, name: str, **keys: str) -> None:
        """Add a source, or replace it."""
        self._sources[name] = keys
        self._write()

    def drop(self, name: str) -> None:
        del self._sources[name]
        self._write()

    def _write(self) -> None:
        sources = "".join(
            f"[sources.{name}]\n" + "".join(f'{key} = "{value}"\n' for key, value in keys.items())
            for name, keys in self._sources.items()
        )
        # In quotes a name may be a word of the Nix language.
        packages = ", ".join(f"'sources.\"{name}\"'" for name in self._sources)
        files = {
            "forage.toml": f'user = "alice"\n{sources}{SANDBOX}',
            "templates/web.toml": TEMPLATE.format(packages=packages),
        }
        write(self.root, files)
