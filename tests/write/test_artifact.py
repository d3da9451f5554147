from __future__ import annotations

import pytest

from forage_gen.artifact import Artifact


@pytest.mark.parametrize(
    "path",
    ["a", "a/b", ".hidden", "...", "a/..b", "with blank", "ümläut", "a\\b", "x" * 255, "-r"],
)
def test_good_paths(path: str) -> None:
    assert Artifact(path, b"").path == path


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/a",
        "a/",
        "a//b",
        ".",
        "..",
        "./a",
        "a/.",
        "a/./b",
        "../a",
        "a/..",
        "a/../b",
        "a\0b",
        "a\nb",
        "a\n",
        "\x1b[2J",
        "\udcff",
        "x" * 256,
        "a/" + "ü" * 128,
    ],
)
def test_bad_paths_are_refused(path: str) -> None:
    with pytest.raises(ValueError, match="the path"):
        Artifact(path, b"")
