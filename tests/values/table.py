"""How the tables of these tests are written and checked."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import pytest

from forage_gen.values.problem import ValueProblem

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Refused(NamedTuple):
    """A value that is refused: with which code, and what the person reads."""

    value: str
    code: str
    message: str
    hint: str


def problem_of(read: Callable[[T], object], value: T) -> ValueProblem:
    """The problem that a grammar has with a value."""
    with pytest.raises(ValueProblem) as caught:
        read(value)
    return caught.value


def check_refused(read: Callable[[str], object], case: Refused) -> None:
    """The code is the same; message and hint contain what the table says."""
    problem = problem_of(read, case.value)
    assert problem.code == case.code
    assert case.message in problem.message
    assert case.hint in problem.hint
    check_readable(problem)


def check_readable(problem: ValueProblem) -> None:
    """What every problem owes its reader: a stable code, sentences, one line each."""
    assert re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", problem.code)
    for sentence in (problem.message, problem.hint):
        assert sentence[0].isupper() or sentence[0] == "`"
        assert sentence[-1] in ".?"
        # A terminal shows no control characters, and no line breaks into another.
        assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]", sentence)
        assert len(sentence) < 400


def ids(value: object) -> str | None:
    """Name a case of a table by its value, cut to what a test report can show."""
    if isinstance(value, Refused):
        return ascii(value.value)[1:41]
    return None
