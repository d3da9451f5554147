"""Random values for the quoting modules, and how many of them a test tries.

A test gets values in batches of BATCH, because starting a reader costs more than
reading. The environment variable FORAGE_EXAMPLES says how many values in all each
of a language's main tests tries (2,000 without it); the others try a quarter.

A batch that fails is not shrunk: that would start the reader hundreds of times,
and the values are short and compared one by one.
"""

from __future__ import annotations

import math
import os
import string
from typing import TYPE_CHECKING, TypeVar

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

BATCH = 100
EXAMPLES = int(os.environ.get("FORAGE_EXAMPLES", "2000"))

# What means something to one of the readers, or is often forgotten.
_SPICES = [
    *string.punctuation,
    *["\n", "\r", "\r\n", "\t", " ", "  ", "\\\n", "\x01", "\x1b", "\x7f", "\x85", "\xa0"],
    *["''", "'''", "''$", "${", "$${", "'${", "${x}", "$(id)", "`id`", "$x", "$$"],
    *["\\n", "\\x41", "\\\\", "\\'", '\\"', "%%", "%n", "%i", "%s", "$USER", "${USER}"],
    *["//", "/../", "/./", "--", "=", "a=b", "~", "*", "#x", ";x", "[x]", "if", "true"],
    *["\u2028", "\u2029", "\ufeff", "\u202e", "\u200b", "é", "e\u0301", "😀", "\U0010fffd"],
]

# A letter for each, because Hypothesis draws a string of letters at one go.
_KEYS = {chr(0xE000 + number): spice for number, spice in enumerate(dict.fromkeys(_SPICES))}
_SPICED = st.text("".join(_KEYS), max_size=5).map(lambda keys: "".join(_KEYS[key] for key in keys))
_NOISE = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=4)

TEXTS = st.tuples(_SPICED, _NOISE, _SPICED).map("".join)
"""Text without NUL and surrogates, much of it spices."""

NONCHARACTERS = ["\ufdd0", "\ufdef", "\ufffe", "\uffff", "\U0001fffe", "\U0010ffff"]

UNENCODABLE = st.tuples(_SPICED, st.sampled_from(["\0", "\ud800", "\udfff"]), _SPICED).map("".join)
"""Text that no argument of a program can be."""

COMMENTS = st.text(
    st.characters(exclude_categories=["Cc", "Cf", "Cs", "Zl", "Zp"]),
    max_size=60,
)
"""Text of one line."""

SOME = 1 / 4
"""The share of what is not the heart of a language."""


def one_line(texts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """The same texts, without the characters that end a line everywhere."""
    return texts.map(lambda text: text.replace("\n", "").replace("\r", ""))


def well_formed(text: str) -> bool:
    """Whether systemd takes the text for UTF-8."""
    return not any(
        0xFDD0 <= ord(character) <= 0xFDEF or ord(character) & 0xFFFE == 0xFFFE
        for character in text
    )


def in_batches(
    values: st.SearchStrategy[T],
    share: float = 1,
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Call a test with lists of BATCH values, until it tried its share of EXAMPLES."""

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        return settings(
            max_examples=math.ceil(EXAMPLES * share / BATCH),
            phases=[Phase.explicit, Phase.reuse, Phase.generate],
            # a reader's start takes as long as it takes
            suppress_health_check=[
                HealthCheck.too_slow,
                HealthCheck.data_too_large,
                HealthCheck.large_base_example,
            ],
        )(given(st.lists(values, min_size=BATCH, max_size=BATCH))(test))

    return decorate
