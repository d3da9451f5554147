from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forage_gen.diagnostics import Severity
from forage_gen.report.text import WINDOW, text
from forage_gen.report.visible import visible, width
from tests.report.findings import about, finding

ESCAPE = "\x1b[31mred\x1b[0m"


def excerpt(report: str) -> tuple[str, str]:
    """The source line and the caret line, without what is before them."""
    _, source, carets, *_ = report.splitlines()
    assert source.startswith(" 7 | ")
    assert carets.startswith("   | ")
    return source[5:], carets[5:]


def test_the_whole_report() -> None:
    report = text(
        [
            finding('user = "bob"', 8, 13, number=12, severity=Severity.INFO, code="b"),
            finding('network = "ful"', 11, 16, file="templates/a.toml", hint="Write `full`."),
            finding("", severity=Severity.WARNING, code="a", message="Nothing is shown."),
            finding("", severity=Severity.WARNING, code="c", hint=""),
        ]
    )
    assert (
        report
        == """\
forage.toml:7:1: warning[a]: Nothing is shown.
hint: Write it right.

forage.toml:7:1: warning[c]: It is wrong.

forage.toml:12:8: info[b]: It is wrong.
 12 | user = "bob"
    |        ^^^^^
hint: Write it right.

templates/a.toml:7:11: error[bad-value]: It is wrong.
 7 | network = "ful"
   |           ^^^^^
hint: Write `full`.

1 error, 2 warnings, 1 info.
"""
    )


def test_nothing_found_nothing_said() -> None:
    assert text([]) == ""


def test_a_finding_is_shown_once() -> None:
    assert text([finding("x")] * 2) == text([finding("x")])


@pytest.mark.parametrize(
    ("line", "part", "shown", "before", "carets"),
    [
        ("a = 1", "1", "a = 1", 4, 1),
        ("\ta = 1", "1", "    a = 1", 8, 1),
        ("ab\tc = 1", "c", "ab  c = 1", 4, 1),
        ('x = "ネット"', '"ネット"', 'x = "ネット"', 4, 8),
        ('"ネット" = 1', "1", '"ネット" = 1', 11, 1),
        ('"e\u0301e\u0301" = 1', "1", '"e\u0301e\u0301" = 1', 7, 1),
        ('"\x1b[2J" = 1', "1", '"<U+001B>[2J" = 1', 16, 1),
        ('x = "\u202eab"', "ab", 'x = "<U+202E>ab"', 13, 2),
        ("x = \xa01", "1", "x = <U+00A0>1", 12, 1),
        ("\x7f\x9b\ud800", "\ud800", "<U+007F><U+009B><U+D800>", 16, 8),
    ],
)
def test_carets_stand_under_the_stretch(
    line: str, part: str, shown: str, before: int, carets: int
) -> None:
    assert excerpt(text([about(line, part)])) == (shown, " " * before + "^" * carets)


@pytest.mark.parametrize("column", [6, 7, 1000])
def test_a_place_past_the_end_of_the_line(column: int) -> None:
    assert excerpt(text([finding("x = 1", column, column + 1)])) == ("x = 1", "     ^")


@pytest.mark.parametrize("letter", ["a", "ネ", "\x1b", "\t"])
@pytest.mark.parametrize(("left", "right"), [(500, 500), (0, 500), (500, 0), (20, 100), (90, 20)])
def test_a_long_line_is_cut_around_the_stretch(letter: str, left: int, right: int) -> None:
    source, carets = excerpt(text([about(letter * left + "HERE" + letter * right, "HERE")]))
    assert width(source) <= WINDOW + 2
    at = source.index("HERE")
    assert carets == " " * width(source[:at]) + "^^^^"


def test_a_stretch_wider_than_the_window() -> None:
    source, carets = excerpt(text([about("x = " + "a" * 5000, "a" * 5000)]))
    assert source.endswith("…")
    assert carets.strip("^ ") == ""
    assert len(carets) < len(source)
    assert carets.count("^") >= WINDOW // 2


def test_a_huge_line_costs_no_more() -> None:
    huge = "a" * 10_000_000
    found = [finding(huge, 1_000 * n, 1_000 * n + 5) for n in range(1, 300)]
    start = time.monotonic()
    text(found)
    assert time.monotonic() - start < 2


@pytest.mark.parametrize("field", ["message", "hint", "file"])
def test_nothing_raw_in_any_field(field: str) -> None:
    report = text([finding("", **{field: f"a{ESCAPE}\nb"})])  # type: ignore[arg-type]
    assert "a<U+001B>[31mred<U+001B>[0m<U+000A>b" in report


anything = st.text(st.characters(exclude_categories=()))


@settings(max_examples=2000)
@given(anything, st.integers(1, 300), st.integers(1, 300), anything, st.integers(0, 500))
def test_arbitrary_lines(line: str, column: int, end: int, message: str, before: int) -> None:
    found = finding("a" * before + line, column, end, message=message, hint=line, file=message)
    report = text([found])
    assert report.replace("\n", "").isprintable()
    report.encode()
    lines = len(report.splitlines())
    assert lines == 3 + bool(found.location.source_line) * 2 + bool(line)


@given(anything)
def test_visible_is_visible_and_stays(line: str) -> None:
    assert visible(line).isprintable()
    assert visible(visible(line)) == visible(line)
