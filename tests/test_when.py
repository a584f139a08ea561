"""Moments and delays as people type them."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobctl import clock
from jobctl.errors import UsageError
from jobctl.ops.when import parse_at, parse_delay, parse_past

NOW = clock.to_ms(datetime(2026, 11, 22, 12, 0, tzinfo=UTC))
NEW_YORK = ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-22T10:00Z", "2026-11-22T10:00:00+00:00"),
        ("2026-11-22T10:00:30.5+02:00", "2026-11-22T08:00:30.500000+00:00"),
        ("2026-11-22 10:00", "2026-11-22T15:00:00+00:00"),
        ("2026-11-22", "2026-11-22T05:00:00+00:00"),
        ("08:00", "2026-11-22T13:00:00+00:00"),
        ("06:59", "2026-11-23T11:59:00+00:00"),
        ("today 06:00", "2026-11-22T11:00:00+00:00"),
        ("tomorrow 9:00", "2026-11-23T14:00:00+00:00"),
    ],
)
def test_a_moment_is_read_in_local_time_unless_it_says_otherwise(text: str, moment: str) -> None:
    assert parse_at(text, now_ms=NOW, zone=NEW_YORK) == clock.to_ms(datetime.fromisoformat(moment))


@pytest.mark.parametrize("text", ["", "soon", "25:00", "2026-13-01", "10", "tomorrow", "1e9", "9999-99-99"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_at(text, now_ms=NOW)


@given(st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(2200, 1, 1), timezones=st.just(UTC)))
def test_every_rfc3339_time_is_read_back(moment: datetime) -> None:
    assert parse_at(moment.isoformat()) == clock.to_ms(moment)


@given(st.text(max_size=30))
def test_any_text_is_a_moment_or_a_usage_error(text: str) -> None:
    for read in (parse_at, parse_past):
        with contextlib.suppress(UsageError):
            assert isinstance(read(text, now_ms=NOW), int)


def test_a_delay_is_a_duration() -> None:
    assert parse_delay("1h30m") == 5_400_000
    with pytest.raises(UsageError, match="expected a duration"):
        parse_delay("5")
