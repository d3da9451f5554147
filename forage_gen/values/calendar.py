"""Calendar events of systemd: when something happens again and again.

The grammar is that of systemd.time(7), "CALENDAR EVENTS", with the limits that
systemd's parser adds. Every expression that is accepted here, systemd accepts;
the tests compare the two. These are the expressions that systemd accepts and
Forage does not:

- `@1700000000`, a single moment, and dates that no calendar has (`*-02-30`):
  what is to happen again would not;
- time zones but `UTC` and the names of tzdata's `zone.tab` (`Europe/Berlin`).
  A name is checked against the list in `forage_gen.values.timezones`, not
  against this machine's files: the same input must give the same answer
  everywhere. Abbreviations such as `CET` mean the zone of the host only, and
  names of tzdata's `backward` file, such as `US/Eastern`, are missing from
  distributions that do not install it;
- `Mon-Fri` for `Mon..Fri` and `anually` for `annually`, which systemd keeps
  for old files;
- ranges that end beyond the last value, as in `*:50..70/5`: systemd only sees
  the steps;
- white space at the end, and more than 255 characters.
"""

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NewType

from forage_gen.values.problem import ValueProblem
from forage_gen.values.text import closest, refuse_unsafe, shown

CalendarExpression = NewType("CalendarExpression", str)

EXPRESSION_MAX = 255
"""The most characters of an expression. Nobody could read a longer one."""

_SHORTHANDS = frozenset(
    {
        *("minutely", "hourly", "daily", "weekly", "monthly", "quarterly", "yearly", "annually"),
        *("semiannually", "semi-annually", "biannually", "bi-annually"),
    },
)
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = (
    r"(?:mon(?:day)?|tue(?:sday)?|wed(?:nesday)?|thu(?:rsday)?|fri(?:day)?|sat(?:urday)?"
    r"|sun(?:day)?)"
)
_DAY_ITEM = rf"{_DAY}(?:\.\.{_DAY})?"
# A comma at the end is allowed, as in the manual's `Wed, 17:48`.
_WEEKDAYS = re.compile(rf"({_DAY_ITEM}(?:,{_DAY_ITEM})*),?(?= |$) *", re.IGNORECASE)
_DASHED_DAYS = re.compile(rf"{_DAY}-{_DAY}", re.IGNORECASE)

_NUMBER = r"[0-9]{1,10}"
_CHAIN = rf"(?:\*|{_NUMBER}[0-9.,/]*)"
_DATE = re.compile(rf"(?:({_CHAIN})-)?({_CHAIN})([-~])({_CHAIN})(?: +|$)")
_TIME = re.compile(rf"({_CHAIN}):({_CHAIN})(?::({_CHAIN}))?")
_ITEM = re.compile(rf"({_NUMBER})(?:\.\.({_NUMBER}))?(?:/({_NUMBER}))?")
_SECOND = r"([0-9]{1,10}(?:\.[0-9]{1,20})?)"
_SECOND_ITEM = re.compile(rf"{_SECOND}(?:\.\.{_SECOND})?(?:/{_SECOND})?")
_ZONE = re.compile(r" ([A-Za-z][A-Za-z0-9_+/-]*)$")
# Five fields, the first two of which are minute and hour: crontab(5).
_CRON = re.compile(r"([0-9*/,-]+) ([0-9*/,-]+)(?: [A-Za-z0-9*/,-]+){3}")
_FIRST_NUMBER = re.compile(r"[./]")
_USEC = 1_000_000
_INT_MAX = 2**31 - 1

_CENTURY = 100
_CENTURY_TURN = 70
_LONGEST_MONTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


@dataclass(frozen=True, slots=True)
class _Field:
    """A part of an expression, and the values that systemd takes there."""

    name: str
    first: int
    last: int
    from_end: bool = False


_YEAR = _Field("year", 1970, 2199)
_MONTH = _Field("month", 1, 12)
_DAY_OF_MONTH = _Field("day", 1, 31)
# Counted from the end of the month, so as to exist in every month.
_DAY_FROM_END = _Field("day before the month's end", 1, 28, from_end=True)
_HOUR = _Field("hour", 0, 23)
_MINUTE = _Field("minute", 0, 59)
_SECONDS = _Field("second", 0, 60 * _USEC - 1)


# Thousands of sandboxes share a few expressions.
@lru_cache(maxsize=256)
def calendar_expression(text: str) -> CalendarExpression:
    """Check a calendar expression.

    Args:
        text: Such as `daily` or `Mon..Fri *-*-* 03:00 Europe/Berlin`.

    Returns:
        The expression, unchanged.

    Raises:
        ValueProblem: systemd would reject it, or it is one of the few that
            this module's docstring names.
    """
    _refuse_early(text)
    event = _without_zone(text)
    if event.lower() in _SHORTHANDS:
        return CalendarExpression(text)
    position = 0
    weekdays = _WEEKDAYS.match(event)
    if weekdays:
        _check_weekdays(weekdays[1], text)
        position = weekdays.end()
    date = _DATE.match(event, position)
    if date:
        _check_date(date, text)
        position = date.end()
    if position < len(event) or not event:
        time = _TIME.fullmatch(event, position)
        if time is None:
            raise _invalid(text, event)
        _check_chain(time[1], _HOUR, text)
        _check_chain(time[2], _MINUTE, text)
        _check_chain(time[3] or "*", _SECONDS, text)
    return CalendarExpression(text)


def _refuse_early(text: str) -> None:
    if text.strip() == "":
        raise ValueProblem(
            code="calendar-empty",
            message="The calendar expression is empty.",
            hint="Write `daily`, or a time such as `Mon..Fri 03:00`.",
        )
    refuse_unsafe(text, "calendar-control-character", "a calendar expression")
    if text != text.strip():
        raise ValueProblem(
            code="calendar-space",
            message=f"{shown(text)} has white space around it.",
            hint=f"Write {shown(text.strip())}.",
        )
    if len(text) > EXPRESSION_MAX:
        raise ValueProblem(
            code="calendar-too-long",
            message=f"{shown(text)} is longer than {EXPRESSION_MAX} characters.",
            hint="Write steps such as `*:0/5` for lists of numbers.",
        )
    if "@" in text:
        raise ValueProblem(
            code="calendar-once",
            message=f"{shown(text)} is a single moment, which does not come again.",
            hint="Write `daily`, or a time such as `Mon..Fri 03:00`.",
        )


def _without_zone(text: str) -> str:
    """Check and cut off the time zone."""
    zone = _ZONE.search(text)
    # A word that is no zone may be a day in the wrong place: `10:00 Mon`.
    if zone is None or _WEEKDAYS.match(zone[1]) or zone[1].lower() in _SHORTHANDS:
        return text
    name = zone[1]
    if name.upper() != "UTC":
        _check_zone(name, text)
    return text[: zone.start()]


def _check_zone(name: str, text: str) -> None:
    # The list is long, and few expressions have a zone.
    from forage_gen.values.timezones import TIME_ZONES  # noqa: PLC0415

    if name in TIME_ZONES:
        return
    if "/" not in name and not name.isupper():
        raise _invalid(text, text)
    folded = {zone.lower(): zone for zone in TIME_ZONES}
    near = folded.get(name.lower()) or closest(name, TIME_ZONES)
    raise ValueProblem(
        code="calendar-time-zone",
        message=f"{shown(text)} has a time zone that not every host knows, {shown(name)}.",
        hint=f"Did you mean `{near}`?"
        if near
        else "Write `UTC`, an area and a city such as `Europe/Berlin`, or nothing for the host's"
        " own zone.",
    )


def _check_weekdays(days: str, text: str) -> None:
    for item in days.lower().split(","):
        first, _, last = item.partition("..")
        if last and _DAYS.index(first[:3]) > _DAYS.index(last[:3]):
            before, after = first[:3].capitalize(), last[:3].capitalize()
            raise ValueProblem(
                code="calendar-weekdays",
                message=f"{shown(text)} has days that run past Sunday.",
                hint=f"Begin the week with Monday: `Mon..{after},{before}..Sun`.",
            )


def _check_date(date: re.Match[str], text: str) -> None:
    year, month, sign, day = date.groups()
    _check_chain(year or "*", _YEAR, text)
    _check_chain(month, _MONTH, text)
    _check_chain(day, _DAY_FROM_END if sign == "~" else _DAY_OF_MONTH, text)
    if "*" in (month, day) or sign == "~" or "/" in month or ".." in month:
        return
    earliest = min(int(_FIRST_NUMBER.split(item)[0]) for item in day.split(","))
    if all(earliest > _LONGEST_MONTHS[int(number) - 1] for number in month.split(",")):
        raise ValueProblem(
            code="calendar-never",
            message=f"{shown(text)} has a day that its month never has.",
            hint="Write the last day of a month as `*~01`.",
        )


def _check_chain(chain: str, field: _Field, text: str) -> None:
    """Check one part of a date or time: `*`, or values, ranges and steps with commas."""
    if chain == "*":
        return
    grammar = _SECOND_ITEM if field is _SECONDS else _ITEM
    items: list[tuple[int, int, int]] = []
    for item in chain.split(","):
        match = grammar.fullmatch(item)
        if match is None:
            raise _invalid(text, text)
        start, stop, step = (_value(number, field) for number in match.groups())
        if field is _YEAR:
            start, stop = _full_year(start), _full_year(stop)
        if not _item_valid(start, stop, step, field):
            raise _out_of_range(item, field, text)
        items.append((start, stop, step))
    if field.from_end and len(items) > 1:
        # systemd's check of such a list takes three days off its limit with
        # each value, in ascending order: it rejects `*~25,27`.
        for index, (start, stop, step) in enumerate(sorted(items)):
            if not _item_valid(start, stop, step, replace(field, last=field.last - 3 * index)):
                raise _out_of_range(chain, field, text)


def _out_of_range(item: str, field: _Field, text: str) -> ValueProblem:
    first, last = (0, 59) if field is _SECONDS else (field.first, field.last)
    return ValueProblem(
        code="calendar-range",
        message=f"{shown(text)} has {shown(item)} for the {field.name}.",
        hint="Write one value, from 1 to 28."
        if field.from_end and "," in item
        else f"Write values from {first} to {last}, ranges upwards, and steps that reach another"
        " value.",
    )


def _value(number: str | None, field: _Field) -> int:
    """Read a number; -1 if there is none, as in systemd."""
    if number is None:
        return -1
    if field is not _SECONDS:
        return int(number)
    # Microseconds; systemd looks at seven decimals and rounds the last.
    whole, _, fraction = number.partition(".")
    digits = fraction.ljust(7, "0")
    return int(whole) * _USEC + int(digits[:6]) + (digits[6] >= "5")


def _full_year(year: int) -> int:
    """Complete a year of two digits: 12 is 2012, 89 is 1989."""
    if year < 0 or year >= _CENTURY:
        return year
    return year + (2000 if year < _CENTURY_TURN else 1900)


def _item_valid(start: int, stop: int, step: int, field: _Field) -> bool:
    if step == 0 or step > _INT_MAX or not field.first <= start <= field.last:
        return False
    if stop >= 0:
        # A step that is too large for its range leaves the first value only.
        # The second that a range of seconds steps by must fit, though.
        fits = step > 0 or field is not _SECONDS or start + _USEC <= stop
        return start <= stop <= field.last and fits
    if step < 0:
        return True
    last = start - step >= field.first if field.from_end else start + step <= field.last
    return last and step <= field.last - field.first


def _time_of_day(cron: re.Match[str]) -> str:
    minute, hour = cron.groups()
    if minute.isdigit() and hour.isdigit():
        return f"{hour[:2]:0>2}:{minute[:2]:0>2}"
    return "*:0/5" if minute.startswith("*/") else "03:00"


def _invalid(text: str, event: str) -> ValueProblem:
    dashed = _DASHED_DAYS.match(event)
    cron = _CRON.fullmatch(text)
    word = re.match(r"[A-Za-z-]+", event)
    near = closest(word[0].lower(), sorted(_SHORTHANDS)) if word and word[0] == event else None
    if cron:
        hint = f"This is cron's notation; a time of day is written `{_time_of_day(cron)}`."
    elif dashed:
        hint = f"Write `{dashed[0].replace('-', '..', 1)}` for the range of days."
    elif near:
        hint = f"Did you mean `{near}`?"
    else:
        hint = "Write `daily`, or days, date and time, such as `Mon..Fri *-*-* 03:00`."
    return ValueProblem(
        code="calendar-invalid",
        message=f"{shown(text)} is not a calendar expression of systemd.",
        hint=hint,
    )
