"""A template or a sandbox may be called what is a word of a language that is generated."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from forage_gen.emit.emit import emit
from forage_gen.quote.nft import KEYWORDS
from tests.read.projects import resolved

if TYPE_CHECKING:
    from pathlib import Path

PROJECT = 'user = "alice"\n[sandboxes.{0}]\ntemplate = "{0}"\nworkspace = "/srv/web"\n'
TEMPLATE = 'network = "restricted"\nallowedHosts = ["x.example.org", "192.0.2.1:5432"]\n'
# Of nft; of the shell, Nix, nginx and dnsmasq.
WORDS = (
    "all",
    "accept",
    "drop",
    "ip",
    "map",
    "set",
    "if",
    "fi",
    "rec",
    "default",
    "include",
    "port",
)


@pytest.mark.parametrize("word", WORDS)
def test_a_word_of_a_target_language_is_a_name(tmp_path: Path, word: str) -> None:
    files = {"forage.toml": PROJECT.format(word), f"templates/{word}.toml": TEMPLATE}

    assert emit(resolved(tmp_path, files).plan)


def test_some_of_these_are_words_of_nft() -> None:
    assert KEYWORDS & set(WORDS)
