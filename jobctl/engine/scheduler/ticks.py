"""When a schedule is due: cron's own semantics by cronsim, intervals aligned to the epoch. Pure: reads no
clock.

A tick's identity is its time, so two schedulers that look at different moments must agree on the ticks. Where
cronsim, near a change of the clocks, would repeat a tick or go back, the repetition is dropped.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, tzinfo
from itertools import islice
from zoneinfo import ZoneInfo

from cronsim import CronSim

from jobctl import clock
from jobctl.catalog.model import Schedule


def next_ticks(schedule: Schedule, after_ms: int, n: int) -> list[int]:
    """The first `n` ticks later than `after_ms`, in milliseconds since the epoch, strictly increasing.

    Fewer when a cron line has no more within 50 years. Changes of the clocks follow cronsim, that is
    Debian's cron: a job at fixed times of day runs once, at the first of two equal local times, and right
    after a gap that swallowed its time; one with `*` in hours or minutes follows elapsed time. Raises
    cronsim.CronSimError for a bad cron line and zoneinfo.ZoneInfoNotFoundError for an unknown time zone.
    """
    return list(islice(ticks(schedule, after_ms), n))


def following(schedule: Schedule, tick_ms: int) -> int:
    """The tick after one; of a cron line that has no more, a moment that nobody lives to see."""
    return next(ticks(schedule, tick_ms), clock.LAST_MS)


def ticks(schedule: Schedule, after_ms: int) -> Iterator[int]:
    """All ticks later than `after_ms`, as `next_ticks` gives them."""
    if schedule.every_ms:
        tick = after_ms - after_ms % schedule.every_ms
        while True:
            tick += schedule.every_ms
            yield tick
    last = after_ms
    for moment in CronSim(schedule.cron or "", clock.to_datetime(after_ms).astimezone(_zone(schedule))):
        if (tick := clock.to_ms(moment)) > last:
            last = tick
            yield tick


def _zone(schedule: Schedule) -> tzinfo:
    return UTC if schedule.timezone == "UTC" else ZoneInfo(schedule.timezone)  # cronsim is faster on UTC
