from __future__ import annotations

from pathlib import Path

from forage_gen.check.document import document

PAGE = Path(__file__).parents[2] / "docs" / "lints.md"


def test_the_page_is_what_the_rules_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == document(), (
        "run `python -m forage_gen.check.document > docs/lints.md`"
    )
