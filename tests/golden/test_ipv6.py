"""What `ipv6Subnet` changes in the output of the example project, kept in golden/ipv6.

That of examples/demo itself is in golden/demo; here is only what is other than there.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from forage_gen.project import compile_project
from tests.golden.test_golden import GOLDEN, ROOT, TreeExtension

if TYPE_CHECKING:
    from syrupy.assertion import SnapshotAssertion
    from syrupy.location import PyTestLocation
    from syrupy.types import SnapshotIndex

IPV6 = ROOT / "golden" / "ipv6"
SUBNET = 'ipv6Subnet = "fd5c:3a1e:77b0::/64"\n'


class Ipv6Extension(TreeExtension):
    """The same in another place."""

    @classmethod
    def get_location(cls, *, test_location: PyTestLocation, index: SnapshotIndex) -> str:
        del test_location
        return str(IPV6 / str(index))


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    project = Path(shutil.copytree(ROOT / "examples" / "demo", tmp_path_factory.mktemp("p") / "p"))
    file = project / "forage.toml"
    subnet = 'subnet = "10.100.0.0/16"\n'
    text = file.read_text()
    assert text.count(subnet) == 1
    file.write_text(text.replace(subnet, subnet + SUBNET))
    made = {each.path: each.content.decode() for each in compile_project(project).artifacts}
    there = {path: GOLDEN / path for path in made}
    return {
        path: content
        for path, content in made.items()
        if not there[path].exists() or there[path].read_text() != content
    }


@pytest.mark.filterwarnings(r"ignore:\s*Can not relate snapshot:UserWarning")
def test_every_file_that_it_changes_is_as_in_golden(
    changed: dict[str, str], snapshot: SnapshotAssertion
) -> None:
    tree = snapshot.use_extension(Ipv6Extension)
    for path, content in changed.items():
        assert content == tree(name=path)


def test_golden_has_no_other_file(changed: dict[str, str]) -> None:
    there = {str(path.relative_to(IPV6)) for path in IPV6.rglob("*") if path.is_file()}
    assert there == set(changed)
