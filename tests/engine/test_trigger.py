"""When schedules are due: cron's meaning, the changes of the clocks, aligned intervals."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSimError
from hypothesis import given
from hypothesis import strategies as st

from jobctl import clock
from jobctl.catalog.model import Schedule
from jobctl.engine.scheduler.ticks import next_ticks
from jobctl.engine.scheduler.trigger import TickTrigger

NEW_YORK = "America/New_York"
ZONES = ["UTC", NEW_YORK, "Europe/Berlin", "Australia/Lord_Howe", "America/Santiago", "Asia/Kolkata"]
CRONS = [
    "30 2 * * *",
    "15,45 1-3 * * *",
    "*/20 * * * *",
    "0 * * * *",
    "59 1,2 * * 0",
    "0 0 1 * 1",
    "*/7 2 * * *",
]
EVERY = st.integers(1_000, 90_000_000)
AFTER = st.integers(1_735_689_600_000, 1_830_297_600_000)  # 2025 to 2027


def local_ticks(cron: str, after: str, n: int, zone: str = NEW_YORK) -> list[str]:
    """Ticks as local times with their offset; `after` is a local time."""
    start = clock.to_ms(datetime.fromisoformat(after).replace(tzinfo=ZoneInfo(zone)))
    found = next_ticks(Schedule("s", "j", cron=cron, timezone=zone), start, n)
    return [clock.to_datetime(tick).astimezone(ZoneInfo(zone)).isoformat(timespec="minutes") for tick in found]


def test_0_and_7_are_both_sunday() -> None:
    sunday = ["2026-11-08T09:00-05:00", "2026-11-15T09:00-05:00"]
    assert local_ticks("0 9 * * 0", "2026-11-02T00:00", 2) == sunday
    assert local_ticks("0 9 * * 7", "2026-11-02T00:00", 2) == sunday


def test_day_of_month_and_day_of_week_are_ored() -> None:
    found = local_ticks("0 0 10 * 5", "2026-11-01T12:00", 3)
    assert found == ["2026-11-06T00:00-05:00", "2026-11-10T00:00-05:00", "2026-11-13T00:00-05:00"]


def test_a_daily_job_fires_once_when_its_hour_comes_twice() -> None:
    found = local_ticks("30 1 * * *", "2026-10-31T12:00", 2)
    assert found == ["2026-11-01T01:30-04:00", "2026-11-02T01:30-05:00"]


def test_a_scheduler_that_starts_in_the_second_of_two_equal_hours_does_not_go_back() -> None:
    second_0110 = clock.to_ms(datetime(2026, 11, 1, 6, 10, tzinfo=UTC))
    schedule = Schedule("s", "j", cron="30 1 * * *", timezone=NEW_YORK)
    assert next_ticks(schedule, second_0110, 1) == [clock.to_ms(datetime(2026, 11, 2, 6, 30, tzinfo=UTC))]


def test_a_daily_job_whose_hour_is_skipped_fires_right_after_the_gap() -> None:
    found = local_ticks("30 2 * * *", "2026-03-07T12:00", 2)
    assert found == ["2026-03-08T03:00-04:00", "2026-03-09T02:30-04:00"]


def test_two_times_in_a_skipped_hour_are_one_tick() -> None:
    found = local_ticks("10,50 2 * * *", "2026-03-07T12:00", 2)
    assert found == ["2026-03-08T03:00-04:00", "2026-03-09T02:10-04:00"]


def test_an_hourly_job_follows_elapsed_time_through_the_change() -> None:
    found = local_ticks("30 * * * *", "2026-11-01T00:40", 3)
    assert found == ["2026-11-01T01:30-04:00", "2026-11-01T01:30-05:00", "2026-11-01T02:30-05:00"]


def test_daily_0230_in_new_york_fires_every_single_day_of_a_year() -> None:
    found = local_ticks("30 2 * * *", "2026-01-01T00:00", 365)
    days = [datetime.fromisoformat(tick).date() for tick in found]
    assert all(later - earlier == timedelta(days=1) for earlier, later in pairwise(days))


@pytest.mark.parametrize("cron", ["0 0 30 2 *", "61 * * * *", "daily", ""])
def test_a_cron_line_that_can_never_be_due_is_an_error(cron: str) -> None:
    with pytest.raises(CronSimError):
        next_ticks(Schedule("s", "j", cron=cron), 0, 1)


@given(st.sampled_from(CRONS), st.sampled_from(ZONES), AFTER)
def test_cron_ticks_strictly_increase(cron: str, zone: str, after: int) -> None:
    found = [after, *next_ticks(Schedule("s", "j", cron=cron, timezone=zone), after, 20)]
    assert all(earlier < later for earlier, later in pairwise(found))


@given(st.sampled_from(CRONS), st.sampled_from(ZONES), AFTER)
def test_a_scheduler_that_starts_later_sees_the_same_cron_ticks(cron: str, zone: str, after: int) -> None:
    schedule = Schedule("s", "j", cron=cron, timezone=zone)
    found = next_ticks(schedule, after, 6)
    for number, tick in enumerate(found[:-1]):
        assert next_ticks(schedule, tick, 1) == [found[number + 1]]
        assert next_ticks(schedule, (tick + found[number + 1]) // 2, 1) == [found[number + 1]]


@given(EVERY, AFTER, st.integers(1, 20))
def test_interval_ticks_are_multiples_of_the_interval(every_ms: int, after: int, n: int) -> None:
    found = next_ticks(Schedule("s", "j", every_ms=every_ms), after, n)
    assert len(found) == n
    assert 0 < found[0] - after <= every_ms
    assert all(tick % every_ms == 0 for tick in found)
    assert all(later - earlier == every_ms for earlier, later in pairwise(found))


@given(EVERY | st.sampled_from(CRONS), AFTER, st.integers(0, 40 * 86_400_000))
def test_after_a_long_pause_the_trigger_reaches_the_latest_tick(spec: int | str, after: int, lag: int) -> None:
    named = {"every_ms": spec} if isinstance(spec, int) else {"cron": spec}
    schedule = Schedule("s", "j", timezone=NEW_YORK, **named)
    now = after + lag
    trigger, at, latest = TickTrigger(schedule), clock.to_datetime(after), None
    while True:
        found = trigger.get_next_fire_time(at, clock.to_datetime(now))
        assert found is not None
        assert found > at
        if clock.to_ms(found) > now:
            break
        at = latest = found
    if latest is not None:
        assert next_ticks(schedule, clock.to_ms(latest), 1)[0] > now
    assert next_ticks(schedule, now, 1) == [clock.to_ms(found)]


def test_an_unknown_time_zone_is_an_error() -> None:
    with pytest.raises(KeyError):
        next_ticks(Schedule("s", "j", cron="0 0 * * *", timezone="Mars/Olympus"), 0, 1)
