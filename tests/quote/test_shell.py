"""Bash reads back what was quoted for it."""

from __future__ import annotations

import itertools
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import strategies as st

from forage_gen.quote import shell
from tests.quote.expectations import assert_read_back, assert_refused
from tests.quote.samples import COMMENTS, SOME, TEXTS, UNENCODABLE, in_batches
from tests.requirements import require

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture(scope="module", autouse=True)
def reader() -> None:
    require("bash")


def run(script: str) -> list[str]:
    """What a script prints, a NUL after each part."""
    done = subprocess.run(["bash", "-eu"], input=script.encode(), capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout.decode().split("\0")[:-1]


@in_batches(TEXTS)
def test_words_as_arguments(texts: list[str]) -> None:
    assert_read_back(run(f"printf '%s\\0' {shell.words(texts)}\n"), texts)


@in_batches(TEXTS, SOME)
def test_a_word_in_an_assignment(texts: list[str]) -> None:
    script = "".join(f"x={shell.word(text)}\nprintf '%s\\0' \"$x\"\n" for text in texts)
    assert_read_back(run(script), texts)


@in_batches(TEXTS, SOME)
def test_words_in_an_array(texts: list[str]) -> None:
    assert_read_back(run(f"a=({shell.words(texts)})\nprintf '%s\\0' \"${{a[@]}}\"\n"), texts)


@in_batches(st.integers(), SOME)
def test_integers(numbers: list[int]) -> None:
    words = " ".join(map(shell.integer, numbers))
    assert_read_back(run(f"printf '%s\\0' {words}\n"), list(map(str, numbers)))


@in_batches(COMMENTS, SOME)
def test_comments(texts: list[str]) -> None:
    lines = [f"{shell.comment(text)}\nprintf '%s\\0' {n}\n" for n, text in enumerate(texts)]
    assert_read_back(run("".join(lines)), [str(n) for n in range(len(texts))])


@in_batches(UNENCODABLE, SOME)
def test_text_that_is_no_utf_8_is_refused(texts: list[str]) -> None:
    functions: list[Callable[[str], object]] = [
        shell.word,
        lambda text: shell.words([text]),
        shell.comment,
    ]
    for quote, text in itertools.product(functions, texts):
        assert_refused(quote, text)


def test_no_words_are_nothing() -> None:
    assert shell.words([]) == ""
    assert shell.words([""]) == "''"
