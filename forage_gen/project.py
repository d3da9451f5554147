"""The whole compiler as one function: a project's directory in, a tree's files out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from forage_gen import __version__
from forage_gen.read.load import load
from forage_gen.resolve.allocate import LOCK_NAME
from forage_gen.resolve.resolve import Resolved, resolve
from forage_gen.write import manifest

if TYPE_CHECKING:
    from pathlib import Path

    from forage_gen.artifact import Artifact


@dataclass(frozen=True)
class Compiled:
    """What a build writes: the files of the tree, and its manifest."""

    resolved: Resolved
    artifacts: list[Artifact]
    manifest: bytes


def stale_lock(resolved: Resolved) -> dict[Path, bytes]:
    """Give `forage.lock` and what a build would write into it; nothing if it is as it would be."""
    path = resolved.inputs.root / LOCK_NAME
    wanted = resolved.lock.render().encode()
    try:
        return {} if path.read_bytes() == wanted else {path: wanted}
    except FileNotFoundError:
        return {path: wanted}


def plan_project(root: Path) -> Resolved:
    """Read and resolve the project in the directory `root`.

    Raises:
        InvalidProjectError: with every finding.
        EnvironmentFailureError: the system does not let us read a file.
    """
    inputs = load(root)
    return resolve(inputs, inputs.lock_file)


def compile_project(root: Path) -> Compiled:
    """Compile the project in the directory `root`. Writes nothing.

    Raises:
        InvalidProjectError: with every finding.
        EnvironmentFailureError: the system does not let us read a file.
    """
    return compile_resolved(plan_project(root))


def compile_resolved(resolved: Resolved) -> Compiled:
    """Make every file of a project that is resolved."""
    # Imported here: a build with nothing to do needs no templates.
    from forage_gen.emit.emit import emit  # noqa: PLC0415
    from forage_gen.emit.facts import manifest_facts  # noqa: PLC0415

    artifacts = emit(resolved.plan)
    return Compiled(
        resolved=resolved,
        artifacts=artifacts,
        manifest=manifest.render(
            artifacts,
            version=__version__,
            inputs={file.name: file.digest for file in resolved.inputs.files},
            facts=manifest_facts(resolved.plan),
        ),
    )
