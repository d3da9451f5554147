"""The reference page is what the models make of it."""

from __future__ import annotations

from pathlib import Path

from forage_gen.schema.reference import render

PAGE = Path(__file__).parents[2] / "docs" / "reference.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == render(), "run `python -m forage_gen.schema.reference`"


def test_it_has_a_section_for_each_table_and_a_row_for_each_key() -> None:
    page = render()
    for table in ("sandboxes.NAME", "agents.NAME.permissions", "workspace.mounts.NAME"):
        assert f"### `[{table}]`" in page
    assert "| `memoryMax` | string |  | Memory of all" in page
    assert '`"full"`, `"restricted"`, `"none"`' in page


def test_every_row_has_five_cells() -> None:
    rows = [line for line in render().splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in rows} == {6}
