"""When a schedule is due: cron's own semantics by cronsim, intervals aligned to the epoch. Pure: reads no
clock.

A tick's identity is its time, so two schedulers that look at different moments must agree on the ticks. Where
cronsim, near a change of the clocks, would repeat a tick or go back, the repetition is dropped.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from itertools import islice
from zoneinfo import ZoneInfo

from apscheduler.triggers.base import BaseTrigger
from cronsim import CronSim

from jobctl import clock
from jobctl.catalog.model import Schedule

_LONG_MS = 3_600_000
"""Above this lag a trigger looks at the last hour first, rather than at every tick since."""


def next_ticks(schedule: Schedule, after_ms: int, n: int) -> list[int]:
    """The first `n` ticks later than `after_ms`, in milliseconds since the epoch, strictly increasing.

    Fewer when a cron line has no more within 50 years. Changes of the clocks follow cronsim, that is
    Debian's cron: a job at fixed times of day runs once, at the first of two equal local times, and right
    after a gap that swallowed its time; one with `*` in hours or minutes follows elapsed time. Raises
    cronsim.CronSimError for a bad cron line and zoneinfo.ZoneInfoNotFoundError for an unknown time zone.
    """
    return list(islice(ticks(schedule, after_ms), n))


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


class TickTrigger(BaseTrigger):  # type: ignore[misc]  # APScheduler has no types
    """APScheduler's question "when next?", answered by `ticks`. Of many overdue ticks it may pass over all
    but those of the last hour; the timer takes only the latest anyway."""

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        """The tick after `previous_fire_time`; the first after `now` when there is none; None if never."""
        now_ms = clock.to_ms(now)
        after = now_ms if previous_fire_time is None else clock.to_ms(previous_fire_time)
        if now_ms - after > _LONG_MS:
            recent = next(ticks(self.schedule, now_ms - _LONG_MS), None)
            if recent is not None and recent <= now_ms:
                return clock.to_datetime(recent)
        tick = next(ticks(self.schedule, after), None)
        return None if tick is None else clock.to_datetime(tick)
