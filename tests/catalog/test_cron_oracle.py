"""Cron lines from 2024 to 2030 against two other readings of them: brute force over every minute, and APScheduler's."""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache
from itertools import islice, pairwise, takewhile
from zoneinfo import ZoneInfo

import pytest
from apscheduler.triggers.cron import CronTrigger
from hypothesis import given
from hypothesis import strategies as st

from jobctl import clock
from jobctl.catalog.model import Schedule
from jobctl.catalog.schedules import cron_problem
from jobctl.catalog.ticks import ticks

ZONES = [
    "UTC", "America/New_York", "America/St_Johns", "America/Santiago", "Europe/Berlin", "Europe/Dublin",
    "Africa/Casablanca", "Africa/Cairo", "Asia/Kolkata", "Asia/Tehran", "Asia/Tokyo", "Australia/Lord_Howe",
    "Pacific/Chatham",
]  # fmt: skip
FIRST, LAST = datetime(2024, 1, 1, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC)
DAYS = (LAST - FIRST).days
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
WEEKDAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]


def items(low: int, high: int, words: list[str] | None = None) -> st.SearchStrategy[str]:
    """A list, a range, a step or a name of a field."""
    number = st.integers(low, high)
    pairs = st.tuples(number, number).map(sorted)
    step = st.integers(1, 7)
    kinds = [
        st.lists(number.map(str), min_size=1, max_size=3).map(",".join),
        pairs.map(lambda pair: f"{pair[0]}-{pair[1]}"),
        st.tuples(pairs, step).map(lambda said: f"{said[0][0]}-{said[0][1]}/{said[1]}"),
        step.map(lambda every: f"*/{every}"),
    ]
    return st.one_of(*kinds, *([st.sampled_from(words)] if words else []))


ANY = st.just("*")
MINUTES, HOURS = items(0, 59), items(0, 23) | st.sampled_from(["0", "1", "2", "3", "1-3"])
DATES, MONTH = items(1, 28) | st.sampled_from(["29", "30", "31", "1-15", "L"]), items(1, 12, MONTHS)
DAYS_OF_WEEK = items(0, 7, WEEKDAYS) | st.sampled_from(["mon-fri", "7", "sat,sun", "1#1", "5#5", "5L", "0L"])
TIMES = st.tuples(MINUTES | ANY, HOURS | ANY).map(" ".join)
LINES = st.tuples(TIMES, ANY | DATES, ANY | MONTH, ANY | DAYS_OF_WEEK).map(" ".join)
CRONS = LINES.filter(lambda cron: cron_problem(cron) is None)


def numbers(field: str, low: int, high: int, words: list[str], first: int) -> set[int]:
    """The numbers of a field, which are counted from `first` for its names."""
    out: set[int] = set()
    for item in field.split(","):
        span, _, step = item.partition("/")
        begin, dash, end = span.partition("-")

        def number(text: str) -> int:
            return words.index(text) + first if text in words else int(text)

        if begin == "*":
            out |= set(range(low, high + 1, int(step or 1)))
        else:
            last = number(end) if dash else high if step else number(begin)
            out |= set(range(number(begin), last + 1, int(step or 1)))
    return out


def on_the_day(cron: str) -> Callable[[datetime], bool]:
    """Whether a cron line has times on a day. Day of month or day of week, where neither begins with a star."""
    _, _, dates, months, weekdays = cron.split()
    in_months = numbers(months, 1, 12, MONTHS, 1)

    def date_is_right(day: datetime) -> bool:
        if dates == "L":
            return day.day == calendar.monthrange(day.year, day.month)[1]
        return day.day in numbers(dates, 1, 31, [], 0)

    def weekday_is_right(day: datetime) -> bool:
        number = day.isoweekday() % 7
        if "#" in weekdays:
            wanted, nth = weekdays.split("#")
            return number == int(wanted) % 7 and (day.day - 1) // 7 + 1 == int(nth)
        if weekdays.endswith("L"):
            return number == int(weekdays[0]) % 7 and (day + 7 * DAY).month != day.month
        return number in {one % 7 for one in numbers(weekdays, 0, 7, WEEKDAYS, 0)}

    def is_right(day: datetime) -> bool:
        both = dates.startswith("*") or weekdays.startswith("*")
        judge = all if both else any
        return day.month in in_months and judge((date_is_right(day), weekday_is_right(day)))

    return cache(is_right)


def brute_force(cron: str, zone: tzinfo, start: datetime, end: datetime) -> Iterator[datetime]:
    """The ticks from `start` on and before `end` (UTC, whole minutes), by looking at every minute.

    A line whose minutes or hours begin with a star goes by elapsed time. Any other goes by a clock on the wall that is
    never set back: what its hand passes over is due at once, and what it showed before is not due again.
    """
    minutes, hours = cron.split()[:2]
    at_minutes, at_hours = numbers(minutes, 0, 59, [], 0), numbers(hours, 0, 23, [], 0)
    has_times, midnight = on_the_day(cron), {"hour": 0, "minute": 0}

    def is_due(wall: datetime) -> bool:
        right = wall.minute in at_minutes and wall.hour in at_hours
        return right and has_times(wall.replace(**midnight))

    elapsed = minutes.startswith("*") or hours.startswith("*")
    now = start - DAY
    shown = now.astimezone(zone).replace(tzinfo=None) - MINUTE
    while now < end:
        wall = now.astimezone(zone).replace(tzinfo=None)
        if elapsed:
            due = is_due(wall)
        else:
            due = False
            while shown < wall:
                shown += MINUTE
                due = due or is_due(shown)
        if due and now >= start:
            yield now
        now += MINUTE


@cache
def changes(zone: str) -> list[datetime]:
    """The days, at midnight UTC, on which the clocks of a zone change."""
    days = [FIRST + DAY * number for number in range(DAYS)]
    at = ZoneInfo(zone)
    return [day for day in days if day.astimezone(at).utcoffset() != (day + DAY).astimezone(at).utcoffset()]


def ours(cron: str, zone: str, start: datetime, end: datetime) -> Iterator[datetime]:
    found = ticks(Schedule("s", "j", cron=cron, timezone=zone), clock.to_ms(start) - 1)
    return map(clock.to_datetime, takewhile(lambda tick: tick < clock.to_ms(end), found))


@st.composite
def places(draw: st.DrawFn) -> tuple[str, datetime]:
    """A zone, and a minute: mostly one a little before its clocks change."""
    zone = draw(st.sampled_from(ZONES))
    days = changes(zone)
    day = draw(st.sampled_from(days)) if days and draw(st.integers(0, 3)) else None
    if day is None:
        day = FIRST + DAY * draw(st.integers(1, DAYS - 4))
    return zone, day + MINUTE * draw(st.integers(-300, 1_500))


@given(CRONS, places())
def test_a_cron_line_is_due_when_looking_at_every_minute_says_so(cron: str, place: tuple[str, datetime]) -> None:
    zone, start = place
    end = start + 2 * DAY
    assert list(ours(cron, zone, start, end)) == list(brute_force(cron, ZoneInfo(zone), start, end))


@pytest.mark.parametrize("zone", ZONES)
def test_from_2024_to_2030_a_daily_tick_comes_once_a_day_and_an_hourly_one_each_elapsed_hour(zone: str) -> None:
    at = ZoneInfo(zone)
    for cron in ("30 2 * * *", "0 0 * * *", "59 23 * * *"):
        dates = [tick.astimezone(at).date() for tick in ours(cron, zone, FIRST + DAY, LAST - DAY)]
        assert len(dates) == len(set(dates))
        assert (max(dates) - min(dates)).days + 1 == len(dates) >= DAYS - 3
    for day in changes(zone):
        assert list(ours("0 * * * *", zone, day, day + DAY)) == list(brute_force("0 * * * *", at, day, day + DAY))
        found = list(ours("*/30 * * * *", zone, day, day + 2 * DAY))
        assert {later - earlier for earlier, later in pairwise(found)} == {HOUR / 2}


def stepped(cron: str) -> Iterator[tuple[int, int, int]]:
    """The first, the last and the step of each range with a step."""
    for first, last, step in re.findall(r"(\d+)-(\d+)/(\d+)", cron):
        yield int(first), int(last), int(step)


def apschedulers(cron: str) -> CronTrigger | None:
    """APScheduler's reading, where it means the same: it takes day of month *and* day of week, and counts from
    Monday."""
    minutes, hours, dates, months, weekdays = cron.split()
    if not (dates.startswith("*") or weekdays.startswith("*")):
        return None
    if "#" in weekdays or weekdays.endswith("L"):
        if dates != "*":
            return None
        number, nth = (weekdays[:-1], "last") if weekdays.endswith("L") else weekdays.split("#")
        words = {"1": "1st", "2": "2nd", "3": "3rd", "4": "4th", "5": "5th", "last": "last"}
        dates, weekdays = f"{words[nth]} {WEEKDAYS[int(number) % 7]}", "*"
    elif weekdays != "*":
        weekdays = ",".join(WEEKDAYS[one % 7] for one in sorted(numbers(weekdays, 0, 7, WEEKDAYS, 0)))
    dates = "last" if dates == "L" else dates
    if any(step > last - first for first, last, step in stepped(cron)):
        return None  # which it refuses
    return CronTrigger(minute=minutes, hour=hours, day=dates, month=months, day_of_week=weekdays, timezone=UTC)


@given(CRONS.filter(lambda cron: apschedulers(cron) is not None), st.integers(0, DAYS * 1_440))
def test_a_cron_line_means_what_apscheduler_reads_where_the_two_agree(cron: str, minute: int) -> None:
    trigger, start = apschedulers(cron), FIRST + MINUTE * minute
    assert trigger is not None
    wanted: list[datetime] = []
    while len(wanted) < 10:
        due = trigger.get_next_fire_time(wanted[-1] if wanted else None, start)
        if due is None or due > start + timedelta(days=4_000):
            break
        wanted.append(due)
        start = due + timedelta(microseconds=1)
    found = ours(cron, "UTC", FIRST + MINUTE * minute, FIRST + MINUTE * minute + timedelta(days=4_000))
    assert list(islice(found, 10)) == wanted
