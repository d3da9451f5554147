"""What it is to allow a finding, and what is wrong with what allows none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from forage_gen.check.rule import Finding, Rule
from forage_gen.diagnostics import Severity
from forage_gen.values.text import closest, shown

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from forage_gen.diagnostics import Diagnostic, Location
    from forage_gen.read.locate import KeyPath
    from forage_gen.resolve.resolve import Resolved

EXAMPLE = "forage: allow(no-limits): this host has nothing else to do"
_KEY = '[allowFindings]\nno-limits = "this host has nothing else to do"\n'

Place = tuple[str, "int | KeyPath"]
"""Where a finding can be: a file, and a line of it (from 1) or the path of a table in it."""


@dataclass(frozen=True)
class Allowance:
    """One code that is allowed at some places.

    `location` is where that is written. `unused` says what is wrong if nothing is found
    there: message and hint.
    """

    code: str
    places: tuple[Place, ...]
    location: Location
    unused: tuple[str, str]

    def report_unused(self) -> Diagnostic:
        """Report that it allows nothing."""
        return UNUSED.diagnostic(Finding(*self.unused, self.location))


def unknown(code: str, codes: Collection[str], where: Location) -> Diagnostic:
    """Report a code that is none of `codes`."""
    close = closest(code, sorted(codes))
    hint = f"Did you mean `{close}`?" if close else "docs/lints.md lists the codes."
    message = f"No finding that can be allowed has the code {shown(code)}."
    return UNKNOWN_CODE.diagnostic(Finding(message, hint, where))


def _nothing(_resolved: Resolved) -> Iterator[Finding]:
    """Find nothing: these rules follow from what the others found."""
    yield from ()


WITHOUT_REASON = Rule(
    code="allow-without-reason",
    severity=Severity.WARNING,
    summary="A comment allows a finding and does not say why.",
    why="Whoever reviews the project later cannot tell a decision from a habit.",
    instead=f"# {EXAMPLE}\n",
    check=_nothing,
)
MALFORMED = Rule(
    code="malformed-allow",
    severity=Severity.WARNING,
    summary="A comment begins with `forage: allow` and goes on differently than it must.",
    why="It allows nothing, though it looks as if it did.",
    instead=f"# {EXAMPLE}\n",
    check=_nothing,
)
UNKNOWN_CODE = Rule(
    code="unknown-code",
    severity=Severity.WARNING,
    summary="A comment or `allowFindings` has a code that no finding has which can be allowed.",
    why="It allows nothing, though it looks as if it did.",
    instead=_KEY,
    check=_nothing,
)
UNUSED = Rule(
    code="unused-allow",
    severity=Severity.WARNING,
    summary="A comment or `allowFindings` allows a finding that is not there.",
    why="It would silence, unseen, the next finding of this kind that somebody makes there.",
    instead="# No comment that begins with `forage: allow`, and no such line.\n",
    check=_nothing,
)

rules = (WITHOUT_REASON, MALFORMED, UNKNOWN_CODE, UNUSED)
