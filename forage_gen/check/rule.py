"""What a lint rule is, and how a module of rules collects its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from forage_gen.diagnostics import Diagnostic, Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from forage_gen.diagnostics import Location
    from forage_gen.resolve.inherit import Merged
    from forage_gen.resolve.resolve import Resolved


@dataclass(frozen=True, slots=True)
class Finding:
    """One place that a rule objects to. `hint` is what to write instead.

    `severity` is given only where it is another than the rule's.
    """

    message: str
    hint: str
    location: Location
    severity: Severity | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One lint rule.

    `code` is stable: people's projects name it. `summary` says what is
    found, `why` in one sentence what is bad about it, and `instead` is the TOML
    that a project without the finding has. A lint never stops a build, so its
    severity is info or warning.
    """

    code: str
    severity: Severity
    summary: str
    why: str
    instead: str
    check: Callable[[Resolved], Iterator[Finding]]

    def run(self, resolved: Resolved) -> Iterator[Diagnostic]:
        """Yield the findings of this rule in a project."""
        for found in self.check(resolved):
            yield self.diagnostic(found)

    def diagnostic(self, found: Finding) -> Diagnostic:
        """Report a finding under this rule's code."""
        severity = self.severity if found.severity is None else found.severity
        return Diagnostic(severity, self.code, found.message, found.hint, found.location)


class RuleBook(list[Rule]):
    """The rules of one module, in the order in which they are written."""

    def project(
        self, code: str, severity: Severity, *, summary: str, why: str, instead: str
    ) -> Callable[[Callable[[Resolved], Iterator[Finding]]], None]:
        """Make the decorated function the check of a rule about a whole project."""

        def add(check: Callable[[Resolved], Iterator[Finding]]) -> None:
            self.append(Rule(code, severity, summary, why, instead, check))

        return add

    def template(
        self, code: str, severity: Severity, *, summary: str, why: str, instead: str
    ) -> Callable[[Callable[[Merged], Iterator[Finding]]], None]:
        """Make the decorated function the check of a rule about each template."""

        def add(check: Callable[[Merged], Iterator[Finding]]) -> None:
            def check_all(resolved: Resolved) -> Iterator[Finding]:
                for merged in linted_templates(resolved):
                    yield from check(merged)

            self.append(Rule(code, severity, summary, why, instead, check_all))

        return add


def linted_templates(resolved: Resolved) -> Iterator[Merged]:
    """Yield the templates that are, or could be, a sandbox.

    One that only others extend is judged in them: they may overrule what it says,
    and what they do not overrule is found in them, at the place where it stands.
    """
    in_use, parents = used(resolved), extended(resolved)
    for name, merged in sorted(resolved.templates.items()):
        if name in in_use or name not in parents:
            yield merged


def used(resolved: Resolved) -> set[str]:
    """Name the templates that a sandbox uses."""
    return {sandbox.template for sandbox in resolved.inputs.project.sandboxes.values()}


def extended(resolved: Resolved) -> set[str]:
    """Name the templates that another one extends."""
    parents = (source.parent for source in resolved.inputs.templates.values())
    return {parent for parent in parents if parent is not None}
