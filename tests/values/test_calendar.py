from __future__ import annotations

import os
import re
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forage_gen.values.calendar import calendar_expression
from forage_gen.values.problem import ValueProblem
from forage_gen.values.timezones import TIME_ZONES
from tests.requirements import require
from tests.values.table import Refused, check_refused, ids, problem_of

# systemd.time(7), "Examples for valid timestamps and their normalized form".
FROM_THE_MANUAL = [
    "Sat,Thu,Mon..Wed,Sat..Sun",
    "Mon,Sun 12-*-* 2,1:23",
    "Wed *-1",
    "Wed..Wed,Wed *-1",
    "Wed, 17:48",
    "Wed..Sat,Tue 12-10-15 1:2:3",
    "*-*-7 0:0:0",
    "10-15",
    "monday *-12-* 17:00",
    "Mon,Fri *-*-3,1,2 *:30:45",
    "12,14,13,12:20,10,30",
    "12..14:10,20,30",
    "mon,fri *-1/2-1,3 *:30:45",
    "03-05 08:05:40",
    "08:05:40",
    "05:40",
    "Sat,Sun 12-05 08:05:40",
    "Sat,Sun 08:05:40",
    "2003-03-05 05:40",
    "05:40:23.4200004/3.1700005",
    "2003-02..04-05",
    "2003-03-05 05:40 UTC",
    "2003-03-05",
    "03-05",
    "hourly",
    "daily",
    "daily UTC",
    "monthly",
    "weekly",
    "weekly Pacific/Auckland",
    "yearly",
    "annually",
    "*:2/3",
]
MORE = [
    *("minutely", "quarterly", "semiannually", "bi-annually", "DAILY", "Mon", "Mon,", "*:*:*"),
    *("*-02~03", "Mon *-05~07/1", "*~1", "*-*~1..3", "*-2-29", "Mon..Fri 03:00 Europe/Berlin"),
    *("00:00:00/0.5", "1970..2199-1-1", "69-1-1", "1..10/24:00", "*:0/59", "1-1  10:00"),
]


@pytest.mark.parametrize("text", [*FROM_THE_MANUAL, *MORE])
def test_calendar_expression_is_taken_as_it_is(text: str) -> None:
    assert calendar_expression(text) == text


@pytest.mark.parametrize(
    "case",
    [
        Refused("", "calendar-empty", "is empty", "`daily`"),
        Refused(" daily", "calendar-space", "white space", "`daily`"),
        Refused("10:00 ", "calendar-space", "white space", "`10:00`"),
        Refused("dayly", "calendar-invalid", "not a calendar expression", "mean `daily`"),
        Refused("every day", "calendar-invalid", "not a calendar expression", "`daily`"),
        Refused("10", "calendar-invalid", "not a calendar expression", "`Mon..Fri *-*-* 03:00`"),
        Refused("10:00 Mon", "calendar-invalid", "not a calendar expression", "days, date"),
        Refused("Mon-Fri 10:00", "calendar-invalid", "not a calendar", "`Mon..Fri`"),
        Refused("Mo 10:00", "calendar-invalid", "not a calendar expression", "days, date"),
        Refused("*/5:00", "calendar-invalid", "not a calendar expression", "days, date"),
        Refused("UTC", "calendar-invalid", "not a calendar expression", "days, date"),
        Refused("anually", "calendar-invalid", "not a calendar expression", "mean `annually`"),
        Refused("0 3 * * *", "calendar-invalid", "not a calendar", "cron's notation"),
        Refused("0 3 * * *", "calendar-invalid", "not a calendar", "`03:00`"),
        Refused("*/5 * * * *", "calendar-invalid", "not a calendar", "`*:0/5`"),
        Refused("Fri..Mon", "calendar-weekdays", "past Sunday", "`Mon..Mon,Fri..Sun`"),
        Refused("25:00", "calendar-range", "`25` for the hour", "from 0 to 23"),
        Refused("10:60", "calendar-range", "`60` for the minute", "from 0 to 59"),
        Refused("10:00:60", "calendar-range", "`60` for the second", "from 0 to 59"),
        Refused("13-01", "calendar-range", "`13` for the month", "from 1 to 12"),
        Refused("*-*-32", "calendar-range", "`32` for the day", "from 1 to 31"),
        Refused("*~29", "calendar-range", "`29` for the day before", "from 1 to 28"),
        Refused("*~25,27", "calendar-range", "`25,27` for the day before", "one value"),
        Refused("2200-1-1", "calendar-range", "`2200` for the year", "from 1970 to 2199"),
        Refused("6..5:00", "calendar-range", "`6..5` for the hour", "ranges upwards"),
        Refused("20/9:00", "calendar-range", "`20/9` for the hour", "reach another value"),
        Refused("0/0:00", "calendar-range", "`0/0` for the hour", "reach another value"),
        Refused("*:50..70/5", "calendar-range", "`50..70/5` for the minute", "from 0 to 59"),
        Refused("*:*:0..59/2148", "calendar-range", "`0..59/2148` for the second", "from 0"),
        Refused("*-02-30", "calendar-never", "its month never has", "`*~01`"),
        Refused("2,4-31", "calendar-never", "its month never has", "`*~01`"),
        Refused("@1700000000", "calendar-once", "a single moment", "`daily`"),
        Refused("daily Europe/Berln", "calendar-time-zone", "`Europe/Berln`", "`Europe/Berlin`"),
        Refused("daily europe/berlin", "calendar-time-zone", "`europe/berlin`", "`Europe/Berlin`"),
        Refused("10:00 CET", "calendar-time-zone", "`CET`", "`UTC`"),
        Refused("10:00 US/Eastern", "calendar-time-zone", "`US/Eastern`", "`UTC`"),
        Refused("daily\n", "calendar-control-character", "a newline", "without control"),
        Refused("\u0661\u0660:00", "calendar-invalid", "not a calendar expression", "days, date"),
        Refused("1," * 130 + "1:00", "calendar-too-long", "255 characters", "`*:0/5`"),
    ],
    ids=ids,
)
def test_calendar_expression_refuses(case: Refused) -> None:
    check_refused(calendar_expression, case)


@pytest.mark.parametrize("text", ["*-2-29", "2..3-30", "1,2-31", "2/2-31", "*-31", "*-2-1,30"])
def test_a_day_that_some_month_has_is_taken(text: str) -> None:
    assert calendar_expression(text)


def rejected_by_systemd(expressions: list[str]) -> set[str]:
    """Which of some expressions `systemd-analyze calendar` cannot parse."""
    done = subprocess.run(
        ["systemd-analyze", "calendar", "--", *expressions],
        capture_output=True,
        text=True,
        check=False,
        # Else the host's own time zone counts as a valid one.
        env={"PATH": os.environ["PATH"], "TZ": "UTC"},
    )
    return set(re.findall(r"Failed to parse calendar specification '(.*)': ", done.stderr))


def test_systemd_parses_the_table() -> None:
    require("systemd-analyze")
    assert rejected_by_systemd([*FROM_THE_MANUAL, *MORE, "nonsense"]) == {"nonsense"}


def test_systemd_knows_every_time_zone() -> None:
    require("systemd-analyze")
    assert len(TIME_ZONES) > 400
    zoned = [f"daily {zone}" for zone in sorted(TIME_ZONES)]
    assert rejected_by_systemd([*zoned, "daily No/Where"]) == {"daily No/Where"}
    assert all(calendar_expression(text) for text in zoned)


def chains(first: int, last: int, step: int) -> st.SearchStrategy[str]:
    """Values, ranges and steps, mostly within the bounds and sometimes at them or beyond."""
    value = st.integers(first, last) | st.sampled_from(
        [first, last, last + 1, 0, max(first - 1, 0)]
    )
    number = value.map(str) | value.map("{:02}".format)
    item = st.builds(
        "{}{}{}".format,
        number,
        st.just("") | st.just("") | number.map("..{}".format),
        st.just("") | st.just("") | st.integers(0, step).map("/{}".format),
    )
    return st.just("*") | st.lists(item, min_size=1, max_size=3).map(",".join)


def seconds() -> st.SearchStrategy[str]:
    number = st.sampled_from(["0", "1", "30", "59", "60", "1.5", "0.25", "59.9999994", "0.0000001"])
    item = st.builds(
        "{}{}{}".format,
        number,
        st.just("") | number.map("..{}".format),
        st.just("") | number.map("/{}".format),
    )
    return st.just("*") | st.lists(item, min_size=1, max_size=2).map(",".join)


DAY = st.sampled_from(["Mon", "tue", "WED", "Thursday", "Friday", "sat", "Sunday", "Mo"])
DAYS = st.builds(
    str.__add__,
    st.lists(DAY | st.builds("{}..{}".format, DAY, DAY), min_size=1, max_size=3).map(",".join),
    st.sampled_from(["", "", "", ",", "-Fri"]),
)
DATES = st.builds(
    "{}{}{}{}".format,
    st.just("") | chains(1970, 2199, 100).map("{}-".format) | chains(0, 99, 50).map("{}-".format),
    chains(1, 12, 12),
    st.sampled_from("--~"),
    chains(1, 31, 31) | chains(1, 28, 28),
)
TIMES = st.builds(
    "{}:{}{}".format,
    chains(0, 23, 24),
    chains(0, 59, 60),
    st.just("") | seconds().map(":{}".format),
)
EVENTS = st.builds(
    lambda days, date, time, zone, space: space.join(filter(None, (days, date, time, zone))),
    st.just("") | DAYS,
    st.just("") | DATES,
    st.just("") | TIMES | TIMES,
    st.sampled_from(["", "", "", "UTC", "utc", "Europe/Berlin", "Europe/Nowhere"]),
    st.sampled_from([" ", " ", " ", "  "]),
)
SHORTHANDS = st.sampled_from(["daily", "Weekly", "hourly", "yearly", "secondly"])


@st.composite
def damaged(draw: st.DrawFn) -> str:
    """An expression with one character changed, added or lost."""
    text = draw(EVENTS | SHORTHANDS)
    at = draw(st.integers(0, len(text)))
    put = draw(st.sampled_from(["", " ", "-", "~", ":", ",", ".", "..", "/", "*", "0", "Z", "+"]))
    return text[:at] + put + text[at + draw(st.integers(0, 1)) :]


# What systemd takes and Forage does not: the module's docstring says why.
LEFT_OUT = {"calendar-never", "calendar-space", "calendar-too-long"}


def problem_or_none(text: str) -> ValueProblem | None:
    try:
        calendar_expression(text)
    except ValueProblem as problem:
        return problem
    return None


def left_out(text: str, problem: ValueProblem) -> bool:
    if problem.code in LEFT_OUT:
        return True
    if problem.code == "calendar-range":
        # Ranges that end beyond the last value; `28,28` at the month's end.
        return ".." in text or "~" in text
    # `Mon-Fri`, and numbers of more than ten digits.
    return re.search(r"[a-z]-[a-z]|[0-9]{11}", text, re.IGNORECASE) is not None


@given(st.lists(EVENTS | EVENTS | damaged(), min_size=5, max_size=40, unique=True))
@settings(max_examples=100)
def test_systemd_and_forage_agree(texts: list[str]) -> None:
    require("systemd-analyze")
    # A newline would break the report that is read here; NUL cannot be passed.
    expressions = [text for text in texts if text and text.isprintable()]
    rejected = rejected_by_systemd(expressions)
    for text in expressions:
        problem = problem_or_none(text)
        if problem is None:
            assert text not in rejected, text
        else:
            assert text in rejected or left_out(text, problem), (text, problem.code)


@given(EVENTS | damaged() | st.text())
@settings(max_examples=200)
def test_an_expression_is_never_changed(text: str) -> None:
    problem = problem_or_none(text)
    assert calendar_expression(text) == text if problem is None else "calendar-" in problem.code


def test_the_same_expression_is_refused_each_time() -> None:
    first, second = (problem_of(calendar_expression, "25:00") for _ in range(2))
    assert first.message == second.message
