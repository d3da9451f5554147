"""The hosts that are attacked, and what came of it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.attacks.catalogue import attacks
from tests.attacks.control import Unfenced
from tests.attacks.ground import Ground, laid_out
from tests.attacks.profiles import OF_THE_EXAMPLE, PROFILES
from tests.host.demo import store_closed
from tests.requirements import require

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.attacks.document import Outcomes
    from tests.host.activate import Activated


@pytest.fixture(scope="package")
def attacked(activated: Activated, disk: str) -> Iterator[Ground]:
    """The host that most sandboxes are on."""
    with laid_out(activated, [name for name in PROFILES if name not in OF_THE_EXAMPLE], disk) as it:
        yield it


@pytest.fixture(scope="package")
def example(
    demo: Activated, disk: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Ground]:
    """The host of the README's example, with a store that is closed but for what is needed."""
    with store_closed(demo, tmp_path_factory.mktemp("closed")) as closed:
        closed.stop_all()
        with laid_out(closed, sorted(OF_THE_EXAMPLE), disk) as it:
            yield it


@pytest.fixture(scope="package")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The numbers of a disk that the host has and no sandbox may read."""
    require("losetup")
    image = tmp_path_factory.mktemp("disk") / "image"
    image.write_bytes(bytes(1 << 20))
    attach = ("losetup", "--find", "--show", str(image))
    device = subprocess.run(attach, check=True, capture_output=True, text=True).stdout.strip()
    yield (Path("/sys/block") / Path(device).name / "dev").read_text().strip()
    subprocess.run(("losetup", "--detach", device), check=True)


@pytest.fixture(scope="package")
def unfenced(attacked: Ground) -> Unfenced:
    """Where the attacks are tried without a fence."""
    return Unfenced(attacked.project.host, attacked.facts)


@pytest.fixture(scope="package")
def lacking(unfenced: Unfenced) -> set[str]:
    """The attacks that nobody can do here, whatever the fence."""
    return unfenced.lacking(attacks())


@pytest.fixture(scope="package")
def outcomes() -> Outcomes:
    """What came of the attacks so far."""
    return {}
