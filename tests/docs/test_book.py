"""The book is whole: every page is in it, and every link leads somewhere.

mdBook itself is not run: no package manager of a CI image brings it. What it would
complain about is checked here.
"""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import pytest

from tests.docs.pages import BOOK, OTHERS, PAGES, ROOT, SUMMARY, anchors, headings, links, tokens

if TYPE_CHECKING:
    from pathlib import Path


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_the_configuration_says_where_the_pages_are() -> None:
    config = tomllib.loads((BOOK / "book.toml").read_text())
    # mdBook refuses a key of [book] that it does not know.
    assert set(config["book"]) == {"title", "description", "language", "src"}
    assert BOOK / config["book"]["src"] == BOOK
    assert config["build"]["create-missing"] is False
    # Not below the pages, or each build would copy the one before.
    assert (BOOK / config["build"]["build-dir"]).resolve().parent == ROOT / "build"


def test_the_summary_lists_every_page_once() -> None:
    assert sorted(links(SUMMARY)) == sorted(str(page.relative_to(BOOK)) for page in PAGES)


def test_the_summary_calls_every_page_by_its_title() -> None:
    listed = tokens(SUMMARY)
    called = {
        str(token.attrs["href"]): listed[position + 1].content
        for position, token in enumerate(listed)
        if token.type == "link_open"
    }
    assert called == {str(page.relative_to(BOOK)): headings(page)[0][1] for page in PAGES}


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_a_page_has_one_title_and_no_two_headings_of_one_anchor(page: Path) -> None:
    levels = [level for level, _ in headings(page)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert len(anchors(page)) == len(levels)


@pytest.mark.parametrize("page", [*PAGES, *OTHERS], ids=relative)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in links(page):
        if link.startswith("https://"):
            continue
        path, _, fragment = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not fragment or fragment in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_no_page_links_out_of_the_book(page: Path) -> None:
    for link in links(page):
        if not link.startswith("https://"):
            assert (page.parent / link.partition("#")[0]).resolve().is_relative_to(BOOK), link
