"""Comments that allow a finding, with the reason why it is right there.

    nixDaemon = true # forage: allow(nix-daemon-opens-network): builds need nixpkgs

A comment on the line of a finding, or in the block of comments directly above it,
silences it. JSON has no comments, so a JSON project cannot silence anything.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from forage_gen.check.rule import Finding, Rule
from forage_gen.diagnostics import Diagnostic, Location, Severity
from forage_gen.read.locate import toml_comments
from forage_gen.values.text import closest, shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from forage_gen.read.source import SourceFile
    from forage_gen.resolve.resolve import Resolved

_ALLOW = re.compile(r"\s*forage:\s*allow\b(?P<rest>.*)", re.DOTALL)
_REST = re.compile(r"\s*\((?P<codes>[^()]*)\)\s*(?::\s*(?P<reason>.*))?", re.DOTALL)
_EXAMPLE = "forage: allow(no-limits): this host has nothing else to do"


def _nothing(_resolved: Resolved) -> Iterator[Finding]:
    """Find nothing: these rules follow from what the others found."""
    yield from ()


_WITHOUT_REASON = Rule(
    code="allow-without-reason",
    severity=Severity.WARNING,
    summary="A comment allows a finding and does not say why.",
    why="Whoever reviews the project later cannot tell a decision from a habit.",
    instead=f"# {_EXAMPLE}\n",
    check=_nothing,
)
_MALFORMED = Rule(
    code="malformed-allow",
    severity=Severity.WARNING,
    summary="A comment begins with `forage: allow` and goes on differently than it must.",
    why="It allows nothing, though it looks as if it did.",
    instead=f"# {_EXAMPLE}\n",
    check=_nothing,
)
_UNKNOWN_CODE = Rule(
    code="unknown-code",
    severity=Severity.WARNING,
    summary="A comment allows a code that no finding has which can be allowed.",
    why="It allows nothing, though it looks as if it did.",
    instead=f"# {_EXAMPLE}\n",
    check=_nothing,
)
_UNUSED = Rule(
    code="unused-allow",
    severity=Severity.WARNING,
    summary="A comment allows a finding that is not there.",
    why="It would silence, unseen, the next finding of this kind that somebody makes there.",
    instead="# A comment without `forage: allow`, or none.\n",
    check=_nothing,
)

rules = (_WITHOUT_REASON, _MALFORMED, _UNKNOWN_CODE, _UNUSED)


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


@dataclass(frozen=True)
class _Allowance:
    """One code that a comment allows, and on which lines (from 1)."""

    code: str
    lines: range
    location: Location


def silence(
    found: Sequence[Diagnostic], files: Sequence[SourceFile], known: Mapping[str, Rule]
) -> list[Diagnostic]:
    """Take away what comments allow, and add what is wrong with the comments.

    An error is never taken away.

    Args:
        found: The findings.
        files: The files whose comments count.
        known: The rules whose findings can be allowed, by code.
    """
    problems: list[Diagnostic] = []
    allowances: list[_Allowance] = []
    by_place: dict[tuple[str, int, str], list[_Allowance]] = defaultdict(list)
    codes = {*known, *(diagnostic.code for diagnostic in found)}
    for file in files:
        # A file without the word is not parsed again.
        if file.is_toml and "forage:" in file.text:
            for allowance in _allowances(file, codes, problems):
                allowances.append(allowance)
                for line in allowance.lines:
                    by_place[file.name, line, allowance.code].append(allowance)
    effective: set[_Allowance] = set()
    kept = []
    for diagnostic in found:
        where = diagnostic.location
        covering = by_place.get((where.file, where.line, diagnostic.code), ())
        if covering and diagnostic.severity < Severity.ERROR:
            effective.update(covering)
        else:
            kept.append(diagnostic)
    return [*kept, *problems, *(_unused(a) for a in allowances if a not in effective)]


def _allowances(
    file: SourceFile, codes: set[str], problems: list[Diagnostic]
) -> Iterator[_Allowance]:
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
            problems.append(_MALFORMED.diagnostic(Finding(message, _write(_EXAMPLE), where)))
            continue
        lines = _covered(comment, alone)
        offset = allow.start("rest") + rest.start("codes")
        named = list(_codes(rest["codes"], offset, comment))
        if not (rest["reason"] or "").strip():
            problems.append(_without_reason(comment, [code for code, _ in named]))
        for code, where in named:
            if code in codes:
                yield _Allowance(code, lines, where)
            else:
                problems.append(_unknown(code, codes, where))


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
    return _WITHOUT_REASON.diagnostic(Finding(message, hint, where))


def _unknown(code: str, codes: set[str], where: Location) -> Diagnostic:
    close = closest(code, sorted(codes))
    hint = f"Did you mean `{close}`?" if close else "docs/lints.md lists the codes."
    message = f"No finding that can be allowed has the code {shown(code)}."
    return _UNKNOWN_CODE.diagnostic(Finding(message, hint, where))


def _unused(allowance: _Allowance) -> Diagnostic:
    message = f"Nothing on this line, or on the one below the comment, is `{allowance.code}`."
    hint = "Delete the comment, or move it to the line that it is meant for."
    return _UNUSED.diagnostic(Finding(message, hint, allowance.location))


def _write(comment: str) -> str:
    return f"Write `# {comment}`."
