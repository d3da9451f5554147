"""What the tests say about values that are read back, and about refused ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import pytest

from forage_gen.quote.token import Unquotable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

T = TypeVar("T")


def assert_read_back(got: Sequence[object], wanted: Sequence[object]) -> None:
    """The reader gave each value back. A failure shows only those that differ."""
    assert len(got) == len(wanted)
    assert [pair for pair in zip(got, wanted, strict=True) if pair[0] != pair[1]] == []


def quotable(quote: Callable[[T], object], values: Iterable[T]) -> list[T]:
    """The values that are not refused."""
    return [value for value in values if not is_refused(quote, value)]


def is_refused(quote: Callable[[T], object], value: T) -> bool:
    """Whether the function refuses the value."""
    try:
        quote(value)
    except Unquotable:
        return True
    return False


def assert_refused(quote: Callable[[T], object], value: T) -> None:
    """The function refuses the value, and says which language and why."""
    with pytest.raises(Unquotable) as caught:
        quote(value)
    assert caught.value.language in str(caught.value)
    assert caught.value.reason in str(caught.value)
