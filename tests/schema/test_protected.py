"""The page on protected paths is what the table of them makes of it."""

from __future__ import annotations

from pathlib import Path

from forage_gen.schema.protected import render

PAGE = Path(__file__).parents[2] / "docs" / "protected-paths.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == render(), "run `python -m forage_gen.schema.protected`"
