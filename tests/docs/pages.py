"""The pages as a CommonMark parser reads them. mdBook has one of its own, of the same rules."""

from __future__ import annotations

import re
import shlex
import unicodedata
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from markdown_it import MarkdownIt

if TYPE_CHECKING:
    from markdown_it.token import Token

ROOT = Path(__file__).parents[2]
BOOK = ROOT / "docs"
SUMMARY = BOOK / "SUMMARY.md"
PAGES = sorted(path for path in BOOK.rglob("*.md") if path != SUMMARY)
"""The pages of the book."""

OTHERS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
    *sorted((ROOT / "examples").rglob("*.md")),
    ROOT / "benchmarks" / "README.md",
]
"""Pages that are read where they are, and may link to any file."""


@dataclass(frozen=True)
class Block:
    """A fenced example: its language, its text, and the line at which it starts."""

    page: Path
    language: str
    text: str
    line: int

    @property
    def file(self) -> str | None:
        """The file that the example says it is, in its first line: `# templates/base.toml`."""
        found = re.match(r"# ((?:(?:templates|packages)/)?[a-z-]+\.(?:toml|nix))\n", self.text)
        return found[1] if found else None

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


@cache
def tokens(page: Path) -> list[Token]:
    parsed = MarkdownIt("commonmark").enable("table").parse(page.read_text())
    return [each for token in parsed for each in (token, *(token.children or ()))]


def blocks(page: Path) -> list[Block]:
    return [
        Block(page, token.info, token.content, token.map[0] + 1 if token.map else 0)
        for token in tokens(page)
        if token.type == "fence"
    ]


def commands(page: Path) -> list[list[str]]:
    """The calls of forage-gen in all examples of the page, indented ones too."""
    shown = [token.content for token in tokens(page) if token.type in {"fence", "code_block"}]
    return [call for text in shown for call in calls(text)]


def calls(text: str) -> list[list[str]]:
    """The arguments of each call of forage-gen in a session or a script."""
    lines = [line.removeprefix("$ ") for line in text.splitlines()]
    return [
        shlex.split(line, comments=True)[1:] for line in lines if line.startswith("forage-gen ")
    ]


def links(page: Path) -> list[str]:
    """Where the page links to."""
    return [str(token.attrs["href"]) for token in tokens(page) if token.type == "link_open"]


def headings(page: Path) -> list[tuple[int, str]]:
    """Level and text of each heading."""
    found = []
    listed = tokens(page)
    for position, token in enumerate(listed):
        if token.type == "heading_open":
            children = listed[position + 1].children or []
            text = "".join(child.content for child in children)
            found.append((int(token.tag[1:]), text))
    return found


def anchors(page: Path) -> set[str]:
    """The fragments by which the page's headings are reached, on GitHub and in mdBook."""
    return {_anchor(text) for _, text in headings(page)}


def _anchor(text: str) -> str:
    kept = (c for c in text.lower() if c in " -_" or unicodedata.category(c)[0] in "LN")
    return "".join(kept).replace(" ", "-")
