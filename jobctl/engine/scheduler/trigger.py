"""APScheduler's question "when next?", answered by a schedule's ticks. Reads no clock."""

from __future__ import annotations

from datetime import datetime

from apscheduler.triggers.base import BaseTrigger

from jobctl import clock
from jobctl.catalog.model import Schedule
from jobctl.catalog.ticks import first_after, ticks

_LONG_MS = 3_600_000
"""Above this lag a trigger looks at the last hour first, rather than at every tick since."""


class TickTrigger(BaseTrigger):  # type: ignore[misc]  # APScheduler has no types
    """APScheduler's question "when next?", answered by `ticks`. Of many overdue ticks it may pass over all
    but those of the last hour; the timer takes only the latest anyway.

    APScheduler goes by the clock of this machine. Where that is `ahead_ms` ahead of the clock by which ticks are due,
    the trigger says when this machine's shows it: `tick_at` is the way back.
    """

    def __init__(self, schedule: Schedule, ahead_ms: int = 0) -> None:
        self.schedule = schedule
        self.ahead_ms = ahead_ms
        self._asked: tuple[int, datetime | None] | None = None

    def tick_at(self, fire_time: datetime) -> int:
        """The tick that is due when this machine's clock shows `fire_time`."""
        return clock.to_ms(fire_time) - self.ahead_ms

    def first_after(self, after_ms: int) -> datetime | None:
        """When the first tick after `after_ms` is due on this machine's clock, None if there is none.

        APScheduler asks twice for each tick, and a cron line takes time to answer.
        """
        if self._asked is None or self._asked[0] != after_ms:
            tick = first_after(self.schedule, after_ms)
            self._asked = after_ms, None if tick is None else clock.to_datetime(tick + self.ahead_ms)
        return self._asked[1]

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        """The tick after `previous_fire_time`; the first after `now` when there is none; None if never."""
        now_ms = self.tick_at(now)
        after = now_ms if previous_fire_time is None else self.tick_at(previous_fire_time)
        if now_ms - after > _LONG_MS:
            recent = next(ticks(self.schedule, now_ms - _LONG_MS), None)
            if recent is not None and recent <= now_ms:
                return clock.to_datetime(recent + self.ahead_ms)
        return self.first_after(after)
