"""jq and Python read back what was written as JSON."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import strategies as st

from forage_gen.quote import json_text
from forage_gen.quote.token import Unquotable
from tests.quote.expectations import assert_read_back
from tests.quote.samples import SOME, TEXTS, in_batches
from tests.requirements import require

if TYPE_CHECKING:
    from collections.abc import Callable

    from forage_gen.quote.json_text import JsonValue

STRINGS = TEXTS | st.text(st.characters(exclude_categories=["Cs"]), max_size=4)  # NUL, too
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(min_value=-(2**53 - 1), max_value=2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | STRINGS
)
VALUES: st.SearchStrategy[JsonValue] = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(STRINGS, inner, max_size=3),
    max_leaves=5,
)
STRANGERS = [
    float("nan"),
    float("inf"),
    2**53,
    -(2**53),
    "\ud800",
    {"\udfff": 1},
    {1: 2},
    b"bytes",
    {1, 2},
    1j,
]


@pytest.fixture(scope="module", autouse=True)
def reader() -> None:
    require("jq")


def jq(text: str) -> list[object]:
    done = subprocess.run(["jq", "."], input=text.encode(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    # jq writes a big double without an exponent, as if it were an exact integer.
    values: list[object] = json.loads(done.stdout, parse_int=_number)
    return values


def _number(digits: str) -> int | float:
    return int(digits) if abs(int(digits)) < 2**53 else float(digits)


@in_batches(VALUES)
def test_documents(values: list[JsonValue]) -> None:
    text = json_text.document(values)
    assert_read_back(jq(text), values)
    assert json.loads(text) == values


@in_batches(VALUES, SOME)
def test_values_inside_a_text(values: list[JsonValue]) -> None:
    members = ", ".join(map(json_text.value, values))
    assert "\n" not in members
    assert_read_back(jq(f"[{members}]"), values)


def test_the_layout_of_a_document() -> None:
    content: JsonValue = {"b": ["é", 1], "a": {}, "c": []}
    assert json_text.document(content) == (
        '{\n  "b": [\n    "é",\n    1\n  ],\n  "a": {},\n  "c": []\n}\n'
    )


@pytest.mark.parametrize("write", [json_text.document, json_text.value])
@pytest.mark.parametrize("stranger", STRANGERS, ids=repr)
def test_what_readers_do_not_agree_on_is_refused(
    write: Callable[[object], str],
    stranger: object,
) -> None:
    with pytest.raises(Unquotable, match="JSON"):
        write(stranger)
    with pytest.raises(Unquotable, match="JSON"):
        write({"nested": [stranger]})


def test_jq_loses_the_integers_that_are_refused() -> None:
    assert jq(f"[{2**53 + 1}]") != [2**53 + 1]
