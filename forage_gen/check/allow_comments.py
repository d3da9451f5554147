"""Comments that allow a finding, with the reason why it is right there.

    nixDaemon = true # forage: allow(nix-daemon-without-cache): it has all it needs

A comment speaks for its line or, if it is alone there, for the block of comments that it
is in and the line below. JSON has none; there is `allowFindings` (allow_keys.py).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from forage_gen.check.allowance import EXAMPLE, MALFORMED, WITHOUT_REASON, Allowance, unknown
from forage_gen.check.rule import Finding
from forage_gen.diagnostics import Diagnostic, Location
from forage_gen.read.locate import toml_comments

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from forage_gen.read.source import SourceFile

_ALLOW = re.compile(r"\s*forage:\s*allow\b(?P<rest>.*)", re.DOTALL)
_REST = re.compile(r"\s*\((?P<codes>[^()]*)\)\s*(?::\s*(?P<reason>.*))?", re.DOTALL)
_UNUSED_HINT = "Delete the comment, or move it to the line that it is meant for."


@dataclass(frozen=True)
class _Comment:
    """One comment: its row from 0, where it begins in its line, and whether it is alone there."""

    file: SourceFile
    row: int
    start: int
    text: str

    @property
    def is_alone(self) -> bool:
        return not self.file.lines[self.row][: self.start].strip()

    def at(self, start: int, stop: int) -> Location:
        """Point at a stretch of the comment's text."""
        first = self.start + 1 + start  # after the `#`
        line = self.file.lines[self.row]
        return Location(self.file.name, self.row + 1, first + 1, self.start + stop + 2, line)


def of_comments(
    files: Sequence[SourceFile], codes: Collection[str], problems: list[Diagnostic]
) -> Iterator[Allowance]:
    """Yield what the comments in `files` allow; collect what is wrong with them.

    Args:
        files: The files whose comments count.
        codes: What can be allowed.
        problems: Gets the findings.
    """
    for file in files:
        # A file without the word is not parsed again.
        if file.is_toml and "forage:" in file.text:
            yield from _of_file(file, codes, problems)


def _of_file(
    file: SourceFile, codes: Collection[str], problems: list[Diagnostic]
) -> Iterator[Allowance]:
    """Yield what the comments of a file allow; collect what is wrong with them."""
    comments = list(_comments(file))
    alone = {comment.row for comment in comments if comment.is_alone}
    for comment in comments:
        allow = _ALLOW.match(comment.text)
        if allow is None:
            continue
        rest = _REST.fullmatch(allow["rest"])
        if rest is None or not rest["codes"].replace(",", "").strip():
            message = "This comment allows nothing: codes in parentheses, a colon and the reason."
            where = comment.at(*_stripped(comment.text, 0, len(comment.text)))
            problems.append(MALFORMED.diagnostic(Finding(message, _write(EXAMPLE), where)))
            continue
        lines = _covered(comment, alone)
        offset = allow.start("rest") + rest.start("codes")
        named = list(_codes(rest["codes"], offset, comment))
        if not (rest["reason"] or "").strip():
            problems.append(_without_reason(comment, [code for code, _ in named]))
        for code, where in named:
            if code in codes:
                message = f"Nothing on this line, or on the one below the comment, is `{code}`."
                places = tuple((file.name, line) for line in lines)
                yield Allowance(code, places, where, (message, _UNUSED_HINT))
            else:
                problems.append(unknown(code, codes, where))


def _comments(file: SourceFile) -> Iterator[_Comment]:
    for comment in toml_comments(file.text):
        # A comment ends its line, before the carriage return of a file from Windows.
        text = comment.text.removesuffix("\r")
        start = len(file.lines[comment.row]) - len(text) - 1
        yield _Comment(file, comment.row, start, text)


def _covered(comment: _Comment, alone: set[int]) -> range:
    """List the lines for which a comment speaks.

    That is its own line or, if there is nothing else on it, the block of comments it
    is in and the line after that. The block itself is meant, too: what is missing
    from a file is reported at its first line, which may be a comment.
    """
    first = last = comment.row
    if comment.is_alone:
        while first - 1 in alone:
            first -= 1
        while last in alone:
            last += 1
    return range(first + 1, last + 2)


def _codes(text: str, offset: int, comment: _Comment) -> Iterator[tuple[str, Location]]:
    for part in re.finditer(r"[^,]+", text):
        start, stop = _stripped(comment.text, offset + part.start(), offset + part.end())
        if start < stop:
            yield comment.text[start:stop], comment.at(start, stop)


def _stripped(text: str, start: int, stop: int) -> tuple[int, int]:
    """Shrink a stretch by the white space at its ends."""
    part = text[start:stop]
    return start + len(part) - len(part.lstrip()), stop - len(part) + len(part.rstrip())


def _without_reason(comment: _Comment, codes: list[str]) -> Diagnostic:
    message = "This comment does not say why the finding is right here."
    hint = _write(f"forage: allow({', '.join(codes)}): the reason, for whoever reviews this")
    where = comment.at(*_stripped(comment.text, 0, len(comment.text)))
    return WITHOUT_REASON.diagnostic(Finding(message, hint, where))


def _write(comment: str) -> str:
    return f"Write `# {comment}`."
