"""When a schedule is due: cron's own semantics by cronsim, intervals, single instants. Pure: reads no clock.

A tick's identity is its instant, so two schedulers that look at different moments must agree on the ticks. Where
cronsim, near a change of the clocks, would repeat a tick or go back, the repetition is dropped.
"""

from __future__ import annotations

import hashlib
import re
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from itertools import takewhile
from typing import Any
from zoneinfo import ZoneInfo

from cronsim import CronSim
from msgspec.structs import replace

from jobctl import clock
from jobctl.catalog.model import Period, Schedule
from jobctl.catalog.templates import compile_value, is_template

SHORTHANDS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_ONE = re.compile(r"(?<![^\s,])(\w+)-\1/[1-9]\d*(?![^\s,])")
"""A step through a range of one, as `5-5/2`: cronsim takes it for `5/2`, which has no end."""
_MINUTE_MS = 60_000
FIFTY_YEARS_MS = 50 * 366 * 86_400_000
_SOME_TIME = datetime(2024, 1, 1)


def following(schedule: Schedule, tick_ms: int) -> int:
    """The tick after one; after the last one, a moment that nobody lives to see."""
    bounded = schedule.start_ms is not None or schedule.end_ms is not None or schedule.exclude or schedule.by_hand
    if schedule.cron is None or bounded:
        return next(ticks(schedule, tick_ms), clock.LAST_MS)
    return _after(schedule.cron, schedule.timezone, tick_ms)


def first_after(schedule: Schedule, after_ms: int) -> int | None:
    """The first tick later than `after_ms`; None if there is none."""
    tick = following(schedule, after_ms)
    return None if tick == clock.LAST_MS else tick


@lru_cache(maxsize=4096)
def _after(cron: str, timezone: str, tick_ms: int) -> int:
    """The same for a cron line alone: many schedules have the same one, and each tick is asked for several times."""
    return next(_of_cron(cron, _zone(timezone), tick_ms), clock.LAST_MS)


def ticks(schedule: Schedule, after_ms: int) -> Iterator[int]:
    """All ticks later than `after_ms` from `start` to `end`, without those on excluded dates: milliseconds since the
    epoch, strictly increasing. They end when there are no more within 50 years.

    Raises cronsim.CronSimError for a bad cron line and zoneinfo.ZoneInfoNotFoundError for an unknown time zone.
    """
    if not schedule.by_hand:
        yield from _own(schedule, after_ms)
        return
    for piece, from_ms, until_ms in _pieces(schedule):
        if until_ms > after_ms:
            yield from takewhile(lambda tick: tick < until_ms, _own(piece, max(after_ms, from_ms - 1)))  # noqa: B023


def in_force(schedule: Schedule, at_ms: int) -> Schedule:
    """The schedule as it is at a moment, when times set by hand may hold: one without any."""
    return next(piece for piece, _, until_ms in _pieces(schedule) if at_ms < until_ms)


def with_times(schedule: Schedule, period: Period) -> Schedule:
    """The schedule as it is in a period, with everything else of its own."""
    return replace(
        schedule,
        cron=period.cron,
        every_ms=period.every_ms,
        anchor_ms=0 if period.every_ms else schedule.anchor_ms,
        at_ms=(),
        timezone=period.timezone or schedule.timezone,
        by_hand=(),
    )


def _pieces(schedule: Schedule) -> Iterator[tuple[Schedule, int, int]]:
    """The schedule as it is from one moment on and before another, for all time."""
    own, begin, ever = replace(schedule, by_hand=()), 0, clock.LAST_MS + 1
    for period in schedule.by_hand:
        yield own, begin, period.from_ms
        begin = period.until_ms or ever
        yield with_times(schedule, period), period.from_ms, begin
    if begin < ever:
        yield own, begin, ever


def _own(schedule: Schedule, after_ms: int) -> Iterator[int]:
    """The ticks of a schedule for which nothing is set by hand."""
    if schedule.start_ms is not None:
        after_ms = max(after_ms, schedule.start_ms - 1)
    zone = zone_of(schedule)
    for tick in _unbounded(schedule, after_ms):
        if schedule.end_ms is not None and tick > schedule.end_ms:
            return
        if not schedule.exclude or _date(tick, zone) not in schedule.exclude:
            yield tick


def before(schedule: Schedule, tick_ms: int) -> int | None:
    """The tick before one; None if there is none in the fifty years before."""
    found = latest(schedule, tick_ms - FIFTY_YEARS_MS, tick_ms, 1)
    return found[0] if found else None


def latest(schedule: Schedule, from_ms: int, before_ms: int, most: int) -> list[int]:
    """The last `most` ticks from `from_ms` on and before `before_ms`, in order.

    Ticks can only be asked for forwards: looks at spans that double until there are enough ticks in one.
    """
    span = _MINUTE_MS
    while True:
        start = max(from_ms, before_ms - span)
        found = deque(takewhile(lambda tick: tick < before_ms, ticks(schedule, start - 1)), maxlen=most)
        if len(found) == most or start == from_ms:
            return list(found)
        span *= 2


def payload_of(payload: Any, tick: str, previous_tick: str | None) -> Any:
    """A schedule's payload for a tick: `tick` and `previous_tick` are its time and that of the one before, RFC 3339 in
    the schedule's zone; `previous_tick` is null for the first. Raises TemplateProblem."""
    return compile_value(payload)({"tick": tick, "previous_tick": previous_tick})


def rendered(schedule: Schedule, tick_ms: int) -> Any:
    """The payload of a tick's job. Raises TemplateProblem."""
    if not any(is_template(text) for text in _texts(schedule.payload)):
        return schedule.payload
    earlier = before(schedule, tick_ms)
    return payload_of(schedule.payload, local(schedule, tick_ms), None if earlier is None else local(schedule, earlier))


def local(schedule: Schedule, tick_ms: int) -> str:
    """A tick as RFC 3339 in the schedule's zone."""
    moment = clock.to_datetime(tick_ms).astimezone(zone_of(in_force(schedule, tick_ms)))
    return moment.isoformat(timespec="milliseconds" if tick_ms % 1000 else "seconds")


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for member in value.values():
            yield from _texts(member)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _texts(item)


def identity(schedule: Schedule) -> str:
    """A digest of when a schedule is due: equal for two that have the same ticks."""
    said = (
        schedule.cron, schedule.every_ms, schedule.anchor_ms, schedule.at_ms, schedule.timezone,
        schedule.start_ms, schedule.end_ms, schedule.exclude, *schedule.by_hand,
    )  # fmt: skip
    return hashlib.sha256(repr(said).encode()).hexdigest()[:16]


def spread_ms(schedule: Schedule, tick_ms: int) -> int:
    """How long after a tick its job starts: from 0 to less than `jitter`, the same for all who ask."""
    if not schedule.jitter_ms:
        return 0
    digest = hashlib.sha256(f"{schedule.name}\0{tick_ms}".encode()).digest()
    return int.from_bytes(digest[:8]) % schedule.jitter_ms


def fields(cron: str) -> tuple[str, str]:
    """The seconds ("0" if not given) and the other fields of a cron expression; `@daily` and its like are known."""
    parts = _ONE.sub(r"\1", SHORTHANDS.get(cron.strip().lower(), cron)).split()
    return (parts[0], " ".join(parts[1:])) if len(parts) == 6 else ("0", " ".join(parts))


def zone_of(schedule: Schedule) -> tzinfo:
    """The time zone of a schedule."""
    return _zone(schedule.timezone)


def _zone(name: str) -> tzinfo:
    return UTC if name == "UTC" else ZoneInfo(name)  # cronsim is faster on UTC


def _unbounded(schedule: Schedule, after_ms: int) -> Iterator[int]:
    if schedule.every_ms:
        return _intervals(schedule.every_ms, schedule.anchor_ms, after_ms)
    if schedule.cron is None:
        return (at for at in schedule.at_ms if at > after_ms)
    return _of_cron(schedule.cron, zone_of(schedule), after_ms)


def _intervals(every_ms: int, anchor_ms: int, after_ms: int) -> Iterator[int]:
    tick = after_ms - (after_ms - anchor_ms) % every_ms
    while True:
        tick += every_ms
        yield tick


def _of_cron(cron: str, zone: tzinfo, after_ms: int) -> Iterator[int]:
    """Changes of the clocks follow cronsim, that is Debian's cron: a job at fixed times of day runs once, at the first
    of two equal local times, and right after a gap that swallowed its time; one with `*` in hours or minutes follows
    elapsed time. Seconds are counted inside each minute, since cronsim follows other rules with six fields."""
    second, minutes = fields(cron)
    seconds = [0] if second == "0" else sorted(CronSim(f"{second} {minutes}", _SOME_TIME).seconds)
    start = after_ms - after_ms % _MINUTE_MS - 1 if len(seconds) > 1 or seconds[0] else after_ms
    last = after_ms
    with suppress(OverflowError):  # a datetime ends with the year 9999
        for minute in CronSim(minutes, clock.to_datetime(start).astimezone(zone)):
            for second_of in seconds:
                if (tick := clock.to_ms(minute) + second_of * 1000) > last:
                    last = tick
                    yield tick


def _date(tick_ms: int, zone: tzinfo) -> str:
    return clock.to_datetime(tick_ms).astimezone(zone).date().isoformat()
