"""The stand-in for nix-prefetch-git does what the real one does, where that can be had."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.pins.tools import STAND_IN, real_prefetch_git

if TYPE_CHECKING:
    from pathlib import Path

    from tests.pins.repository import Repository
    from tests.pins.site import Site


def prefetched(tool: Path, url: str, rev: str) -> dict[str, object]:
    finished = subprocess.run(
        [tool, "--url", url, "--rev", rev], check=True, capture_output=True, text=True
    )
    found: dict[str, object] = json.loads(finished.stdout)
    return found


@pytest.mark.parametrize("wanted", ["HEAD", "refs/heads/main", "refs/tags/v1", "commit"])
def test_it_prints_the_same(site: Site, repository: Repository, wanted: str) -> None:
    real = real_prefetch_git()
    if real is None:
        pytest.skip("needs nix-prefetch-git, which only nixpkgs has")
    commit = repository.commit({"bin/tool": "#!/bin/sh\necho one\n", "docs/a": "a"})
    repository.git("tag", "v1")
    repository.commit({"docs/a": "b"})
    rev = commit if wanted == "commit" else wanted
    ours, theirs = (prefetched(tool, f"{site.url}/tool.git", rev) for tool in (STAND_IN, real))
    # Which of the other fields there are depends on the age of nixpkgs.
    assert {key: ours[key] for key in theirs if key in ours} == {
        key: value for key, value in theirs.items() if key in ours
    }
    assert {"url", "rev", "sha256"} <= theirs.keys()
