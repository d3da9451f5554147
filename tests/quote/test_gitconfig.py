"""git reads back what was quoted for its configuration."""

from __future__ import annotations

import itertools
import subprocess
from typing import TYPE_CHECKING

import pytest

from forage_gen.quote import gitconfig
from tests.quote.expectations import assert_read_back, assert_refused
from tests.quote.samples import COMMENTS, SOME, TEXTS, UNENCODABLE, in_batches
from tests.requirements import require

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path


@pytest.fixture(scope="module", autouse=True)
def reader() -> None:
    require("git")


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("git") / "config"


def read(config: Path, lines: Iterable[str], *options: str) -> list[str]:
    """The values of forage.x in a file of these lines."""
    config.write_bytes("".join(["[forage]\n", *(f"{line}\n" for line in lines)]).encode())
    done = subprocess.run(
        ["git", "config", "--file", config, "-z", *options, "--get-all", "forage.x"],
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().split("\0")[:-1]


@in_batches(TEXTS)
def test_strings(config: Path, texts: list[str]) -> None:
    assert_read_back(read(config, (f"\tx = {gitconfig.string(text)}" for text in texts)), texts)


@in_batches(COMMENTS, SOME)
def test_comments(config: Path, texts: list[str]) -> None:
    lines = [f"{gitconfig.comment(text)}\n\tx = {n}" for n, text in enumerate(texts)]
    assert_read_back(read(config, lines), [str(n) for n in range(len(texts))])


def test_booleans(config: Path) -> None:
    lines = [f"x = {gitconfig.boolean(value)}" for value in (True, False)]
    assert_read_back(read(config, lines, "--type=bool"), ["true", "false"])


@in_batches(UNENCODABLE, SOME)
def test_text_that_is_no_utf_8_is_refused(texts: list[str]) -> None:
    functions: list[Callable[[str], object]] = [gitconfig.string, gitconfig.comment]
    for quote, text in itertools.product(functions, texts):
        assert_refused(quote, text)
