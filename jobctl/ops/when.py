"""Moments and durations as people type them. Instants are milliseconds since the Unix epoch."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta, tzinfo
from datetime import time as time_of_day

from jobctl import clock
from jobctl.catalog.units import parse_duration
from jobctl.errors import UsageError

EXPECTED = "write an RFC 3339 time such as 2026-11-22T10:00Z, 14:30, or `tomorrow 09:00`"
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d([Tt ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?([Zz]|[+-]\d\d:\d\d)?)?", re.ASCII)
_CLOCK = re.compile(r"(?:(today|tomorrow)\s+)?(\d{1,2}):(\d\d)(?::(\d\d))?", re.ASCII | re.IGNORECASE)


def parse_at(text: str, *, now_ms: int | None = None, zone: tzinfo | None = None) -> int:
    """A moment as epoch milliseconds: RFC 3339, `HH:MM`, `today HH:MM` or `tomorrow HH:MM`.

    `HH:MM` is the next time the clock shows it: today, or tomorrow when that is past. A time without an
    offset is local (`zone`, by default this machine's). Raises UsageError.
    """
    text = text.strip()
    try:
        if _RFC3339.fullmatch(text):
            moment = datetime.fromisoformat(text.upper())
            return clock.to_ms(moment if moment.tzinfo else _local(moment, zone))
        if match := _CLOCK.fullmatch(text):
            wall = time_of_day(int(match[2]), int(match[3]), int(match[4] or 0))
            return _on_the_clock(wall, (match[1] or "").lower(), now_ms, zone)
    except (ValueError, OverflowError, OSError) as error:
        raise UsageError(f"invalid time {text!r}: {error}", EXPECTED) from None
    raise UsageError(f"invalid time {text[:100]!r}", EXPECTED)


def parse_delay(text: str, option: str = "") -> int:
    """A duration such as `5m` or `1h30m` in milliseconds. Raises UsageError, which names the option."""
    try:
        return parse_duration(text.strip())
    except ValueError as error:
        raise UsageError(f"{option}: {error}" if option else str(error)) from None


def parse_past(text: str, *, now_ms: int | None = None, zone: tzinfo | None = None) -> int:
    """A moment for `since:` and `until:`: a duration ago (`2h`), or what `parse_at` takes. Raises UsageError."""
    now = clock.now_ms() if now_ms is None else now_ms
    try:
        return now - parse_duration(text.strip())
    except ValueError:
        pass
    try:
        return parse_at(text, now_ms=now, zone=zone)
    except UsageError as error:
        raise UsageError(error.message, "write how long ago, such as 2h, or a time such as 2026-11-22T10:00Z") from None


def _on_the_clock(wall: time_of_day, day: str, now_ms: int | None, zone: tzinfo | None) -> int:
    now = clock.now_ms() if now_ms is None else now_ms
    today = clock.to_datetime(now).astimezone(zone).date()
    moment = _at(today + timedelta(days=day == "tomorrow"), wall, zone)
    if not day and moment <= now:
        return _at(today + timedelta(days=1), wall, zone)
    return moment


def _at(day: date, wall: time_of_day, zone: tzinfo | None) -> int:
    return clock.to_ms(_local(datetime.combine(day, wall), zone))


def _local(naive: datetime, zone: tzinfo | None) -> datetime:
    return naive.replace(tzinfo=zone) if zone else naive.astimezone()
