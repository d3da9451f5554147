"""The whole output of the example project, kept in golden/ for people to read.

Each file of the tree is a file there, under its own path and with its own ending.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from forage_gen.project import Compiled, compile_project

if TYPE_CHECKING:
    from syrupy.assertion import SnapshotAssertion
    from syrupy.data import SnapshotCollection
    from syrupy.location import PyTestLocation
    from syrupy.types import SnapshotIndex

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "golden" / "demo"


class TreeExtension(SingleFileSnapshotExtension):
    """Keeps a snapshot as the very file, at its path in the tree."""

    _write_mode = WriteMode.TEXT
    file_extension = ""

    @classmethod
    def get_location(cls, *, test_location: PyTestLocation, index: SnapshotIndex) -> str:
        del test_location  # there is one place
        return str(GOLDEN / str(index))

    @classmethod
    def write_snapshot_collection(
        cls,
        *,
        snapshot_collection: SnapshotCollection,
        name_order: dict[str, int] | None = None,
    ) -> None:
        Path(snapshot_collection.location).parent.mkdir(parents=True, exist_ok=True)
        super().write_snapshot_collection(
            snapshot_collection=snapshot_collection, name_order=name_order
        )


@pytest.fixture(scope="module")
def compiled() -> Compiled:
    return compile_project(ROOT / "examples" / "demo")


# syrupy would have the test's name in each file's name; here the files have their own.
@pytest.mark.filterwarnings(r"ignore:\s*Can not relate snapshot:UserWarning")
def test_every_file_is_as_in_golden(compiled: Compiled, snapshot: SnapshotAssertion) -> None:
    tree = snapshot.use_extension(TreeExtension)
    files = {artifact.path: artifact.content for artifact in compiled.artifacts}
    for path, content in (files | {"manifest.json": compiled.manifest}).items():
        assert content.decode() == tree(name=path)


def test_golden_has_no_other_file(compiled: Compiled) -> None:
    made = {artifact.path for artifact in compiled.artifacts} | {"manifest.json"}
    there = {str(path.relative_to(GOLDEN)) for path in GOLDEN.rglob("*") if path.is_file()}
    assert there == made


def test_golden_has_the_modes_of_a_tree(compiled: Compiled, snapshot: SnapshotAssertion) -> None:
    for artifact in compiled.artifacts:
        file = GOLDEN / artifact.path
        if snapshot.session.update_snapshots:
            file.chmod(0o755 if artifact.executable else 0o644)
        assert bool(file.stat().st_mode & 0o100) == artifact.executable, artifact.path


def test_the_example_is_locked(compiled: Compiled) -> None:
    assert compiled.lock_is_current
