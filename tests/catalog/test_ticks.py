"""When schedules are due: cron's meaning, the changes of the clocks, aligned intervals."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSimError
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from jobctl import clock
from jobctl.catalog import compiled
from jobctl.catalog.load import load
from jobctl.catalog.model import Period, Schedule
from jobctl.catalog.ticks import before, following, in_force, local, spread_ms, ticks

MINUTE, HOUR = 60_000, 3_600_000
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


def next_ticks(schedule: Schedule, after_ms: int, n: int) -> list[int]:
    return list(islice(ticks(schedule, after_ms), n))


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


def test_an_unknown_time_zone_is_an_error() -> None:
    with pytest.raises(KeyError):
        next_ticks(Schedule("s", "j", cron="0 0 * * *", timezone="Mars/Olympus"), 0, 1)


def of_catalog(schedule: str, folder: Path) -> Schedule:
    text = f"version: 1\njobs: {{a: {{python: 'm:f'}}}}\nschedules: {{s: {{job: a, {schedule}}}}}\n"
    (folder / "jobs.yaml").write_text(text)
    return load(folder / "jobs.yaml").schedules["s"]


def shown_ticks(schedule: Schedule, after: str, n: int = 20) -> list[str]:
    """Ticks in the schedule's zone; `after` is a local time there."""
    zone = ZoneInfo(schedule.timezone)
    start = clock.to_ms(datetime.fromisoformat(after).replace(tzinfo=zone))
    found = next_ticks(schedule, start, n)
    return [clock.to_datetime(tick).astimezone(zone).replace(tzinfo=None).isoformat(" ") for tick in found]


def test_a_date_that_is_excluded_has_no_ticks_in_the_schedules_zone(tmp_path: Path) -> None:
    (tmp_path / "holidays").write_text("# Christmas\n2026-12-25\n\n2026-12-26  # Boxing Day\n2026-12-25\n")
    listed = of_catalog(
        "cron: '30 23 * * *', timezone: America/New_York, exclude: ['2026-12-25', '2026-12-26']", tmp_path
    )
    file = of_catalog("cron: '30 23 * * *', timezone: America/New_York, exclude: {file: holidays}", tmp_path)
    assert listed == file
    assert shown_ticks(file, "2026-12-24T00:00", 2) == ["2026-12-24 23:30:00", "2026-12-27 23:30:00"]


def test_a_changed_file_of_dates_is_read_again(tmp_path: Path) -> None:
    (tmp_path / "holidays").write_text("2026-12-25\n")
    of_catalog("every: 1h, exclude: {file: holidays}", tmp_path)
    kept = tmp_path / "kept"
    assert compiled.load(tmp_path / "jobs.yaml", kept).schedules["s"].exclude == ("2026-12-25",)
    (tmp_path / "holidays").write_text("2026-12-26\n")
    assert compiled.load(tmp_path / "jobs.yaml", kept).schedules["s"].exclude == ("2026-12-26",)


def test_ticks_lie_between_start_and_end(tmp_path: Path) -> None:
    schedule = of_catalog("every: 12h, start: '2026-03-01 06:00', end: 2026-03-02, timezone: Europe/Berlin", tmp_path)
    assert shown_ticks(schedule, "2025-01-01T00:00") == [
        "2026-03-01 13:00:00",
        "2026-03-02 01:00:00",
        "2026-03-02 13:00:00",
    ]
    exact = of_catalog("cron: '0 6 * * *', start: '2026-03-01T06:00', end: '2026-03-02T06:00'", tmp_path)
    assert shown_ticks(exact, "2025-01-01T00:00") == ["2026-03-01 06:00:00", "2026-03-02 06:00:00"]


def test_an_interval_is_counted_from_its_anchor_in_both_directions(tmp_path: Path) -> None:
    schedule = of_catalog("every: 1w, anchor: '2026-11-23T09:00', timezone: Europe/Berlin", tmp_path)
    assert shown_ticks(schedule, "2026-11-10T00:00", 2) == ["2026-11-16 09:00:00", "2026-11-23 09:00:00"]


def test_single_times_are_ticks_once_each_in_order(tmp_path: Path) -> None:
    schedule = of_catalog(
        "at: ['2026-12-24T18:00', 2026-01-01, '2026-12-24T17:00:00+00:00'], timezone: Europe/Berlin", tmp_path
    )
    assert shown_ticks(schedule, "2025-01-01T00:00") == ["2026-01-01 00:00:00", "2026-12-24 18:00:00"]
    assert following(schedule, next_ticks(schedule, 0, 2)[1]) == clock.LAST_MS


def test_with_six_fields_the_first_is_the_second(tmp_path: Path) -> None:
    schedule = of_catalog("cron: '*/20 59 23 * * *'", tmp_path)
    assert shown_ticks(schedule, "2026-01-01T23:59:20", 2) == ["2026-01-01 23:59:40", "2026-01-02 23:59:00"]
    assert shown_ticks(of_catalog("cron: '@daily'", tmp_path), "2026-01-01T23:59:20", 1) == ["2026-01-02 00:00:00"]


def test_times_set_by_hand_hold_from_their_beginning_and_before_their_end(tmp_path: Path) -> None:
    at = clock.to_ms(datetime(2026, 11, 22, 10, tzinfo=UTC))
    periods = (
        Period(at, at + 30 * MINUTE, every_ms=10 * MINUTE),
        Period(at + 40 * MINUTE, at + 60 * MINUTE, cron="*/15 * * * *", timezone="Asia/Tokyo"),
    )
    schedule = replace(of_catalog("cron: '*/20 * * * *', timezone: Europe/Berlin", tmp_path), by_hand=periods)
    found = next_ticks(schedule, at - 1, 6)
    assert [(tick - at) // MINUTE for tick in found] == [0, 10, 20, 45, 60, 80], "30 is no tick, 40 not of the second"
    assert next_ticks(schedule, at + 25 * MINUTE, 1) == [at + 45 * MINUTE]
    assert before(schedule, at) == at - 20 * MINUTE
    assert [local(schedule, tick)[-6:] for tick in found[2:5]] == ["+01:00", "+09:00", "+01:00"]
    assert in_force(schedule, at + 30 * MINUTE) == replace(schedule, by_hand=())


def test_times_set_by_hand_without_end_hold_for_ever(tmp_path: Path) -> None:
    schedule = replace(of_catalog("every: 1h", tmp_path), by_hand=(Period(HOUR, cron="0 0 29 2 *"),))
    assert shown_ticks(schedule, "2025-01-01T00:00", 2) == ["2028-02-29 00:00:00", "2032-02-29 00:00:00"]
    assert next_ticks(schedule, clock.to_ms(datetime(9999, 12, 30, tzinfo=UTC)), 1) == []


@given(st.sampled_from(CRONS), st.sampled_from(ZONES), AFTER, st.sampled_from(["0", "7", "*/30", "5,50"]))
def test_seconds_are_counted_inside_the_minutes_of_the_other_fields(
    cron: str, zone: str, after: int, second: str
) -> None:
    minutes = Schedule("s", "j", cron=cron, timezone=zone)
    found = next_ticks(Schedule("s", "j", cron=f"{second} {cron}", timezone=zone), after, 6)
    offsets = {"0": [0], "7": [7], "*/30": [0, 30], "5,50": [5, 50]}[second]
    first = after - after % 60_000 - 1
    wanted = [minute + offset * 1000 for minute in next_ticks(minutes, first, 8) for offset in offsets]
    assert found == [tick for tick in wanted if tick > after][:6]


@given(AFTER, st.integers(1, 100_000))
def test_jitter_is_fixed_for_a_tick_and_less_than_it_says(tick: int, jitter: int) -> None:
    schedule = Schedule("s", "j", every_ms=1000, jitter_ms=jitter)
    assert 0 <= spread_ms(schedule, tick) < jitter
    assert spread_ms(schedule, tick) == spread_ms(schedule, tick)
    assert spread_ms(Schedule("s", "j", every_ms=1000), tick) == 0
