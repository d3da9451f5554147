"""The whole compiler as one function: a project's directory in, a tree's files out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from forage_gen import __version__
from forage_gen.emit.emit import emit
from forage_gen.emit.facts import manifest_facts
from forage_gen.read.load import load
from forage_gen.resolve.resolve import Resolved, resolve
from forage_gen.write import manifest

if TYPE_CHECKING:
    from pathlib import Path

    from forage_gen.artifact import Artifact


@dataclass(frozen=True)
class Compiled:
    """What a build writes: the files of the tree, its manifest, and `forage.lock`."""

    resolved: Resolved
    artifacts: list[Artifact]
    manifest: bytes
    lock: bytes

    @property
    def lock_is_current(self) -> bool:
        """Whether `forage.lock` was read, and is already as a build would write it."""
        read = self.resolved.inputs.lock_file
        return read is not None and read.text.encode() == self.lock


def plan_project(root: Path) -> Resolved:
    """Read and resolve the project in the directory `root`.

    Raises:
        InvalidProjectError: with every finding.
        EnvironmentFailureError: the system does not let us read a file.
    """
    return resolve(load(root))


def compile_project(root: Path) -> Compiled:
    """Compile the project in the directory `root`. Writes nothing.

    Raises:
        InvalidProjectError: with every finding.
        EnvironmentFailureError: the system does not let us read a file.
    """
    resolved = plan_project(root)
    artifacts = emit(resolved.plan)
    return Compiled(
        resolved=resolved,
        artifacts=artifacts,
        manifest=manifest.render(
            artifacts,
            version=__version__,
            inputs=resolved.inputs.digests,
            facts=manifest_facts(resolved.plan),
        ),
        lock=resolved.lock.render().encode(),
    )
