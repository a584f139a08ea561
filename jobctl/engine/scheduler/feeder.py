"""Ticks on their way into the store: each is tried until it is in, or until the next one of its schedule is
due."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Protocol

from jobctl import clock
from jobctl.catalog.model import Schedule
from jobctl.engine.logs import timestamp
from jobctl.engine.tools.loop import Loop, Timer
from jobctl.errors import RedisUnavailable
from jobctl.text import sanitize

log = logging.getLogger(__name__)

FIRST_DELAY_S, MAX_DELAY_S = 1.0, 15.0


class Ticks(Protocol):
    """The store's side of schedules. Called from the scheduler's only thread: use socket timeouts of 1 s."""

    def tick(self, schedule: Schedule, tick_ms: int) -> str | None:
        """Advance the schedule's cursor to the tick and enqueue its job, in one step.

        Returns the job's id; None when nothing was enqueued, because the cursor had already passed the tick
        or because the schedule is paused. Safe to repeat. Any exception means that it may be tried again.
        """


@dataclass
class Pending:
    """A tick that is not in yet. `delay_s` is the last wait between two tries, 0 before the first failure."""

    schedule: Schedule
    tick_ms: int
    delay_s: float = 0.0
    timer: Timer | None = None


class Feeder:
    """Holds at most one tick a schedule. While Redis is unreachable, one schedule at a time feels its way."""

    def __init__(self, ticks: Ticks, loop: Loop) -> None:
        self._ticks = ticks
        self._loop = loop
        self._pending: dict[str, Pending] = {}
        self._hold_until = 0.0
        self._hold_s = 0.0

    @property
    def pending(self) -> int:
        return len(self._pending)

    def offer(self, schedule: Schedule, tick_ms: int) -> None:
        """A tick is due. An older one of the same schedule that is still waiting is given up."""
        old = self._pending.get(schedule.name)
        if old:
            log.warning("schedule %s: tick %s was missed", schedule.name, timestamp(old.tick_ms))
            self._cancel(old)
        self._pending[schedule.name] = pending = Pending(schedule, tick_ms, old.delay_s if old else 0.0)
        self._later(pending, 0.0)

    def drop(self, name: str) -> None:
        """The schedule is gone from the catalog, and so is its waiting tick."""
        if pending := self._pending.pop(name, None):
            self._cancel(pending)

    def release(self) -> None:
        """Redis answers: try everything that waits now."""
        if self._hold_s:
            self._hold_until = self._hold_s = 0.0
            for pending in self._pending.values():
                self._later(pending, 0.0)

    def _later(self, pending: Pending, delay: float) -> None:
        self._cancel(pending)
        pending.timer = self._loop.later(delay, lambda: self._try(pending))

    @staticmethod
    def _cancel(pending: Pending) -> None:
        if pending.timer:
            pending.timer.cancel()

    def _try(self, pending: Pending) -> None:
        name = pending.schedule.name
        held = self._hold_until - clock.monotonic()
        if held > 0:
            self._later(pending, held)
            return
        try:
            job_id = self._ticks.tick(pending.schedule, pending.tick_ms)
        except Exception as error:  # noqa: BLE001 - whatever the store does, the timer goes on
            self._failed(pending, error)
            return
        del self._pending[name]
        self._hold_s = 0.0
        if job_id is None:
            log.debug("schedule %s: tick %s was taken, or is paused", name, timestamp(pending.tick_ms))
        else:
            log.info("schedule %s: tick %s is job %s", name, timestamp(pending.tick_ms), sanitize(job_id))

    def _failed(self, pending: Pending, error: Exception) -> None:
        first = pending.delay_s == 0.0
        pending.delay_s = min(max(pending.delay_s * 2, FIRST_DELAY_S), MAX_DELAY_S)
        if isinstance(error, RedisUnavailable):
            self._hold_s = min(max(self._hold_s * 2, FIRST_DELAY_S), MAX_DELAY_S)
            self._hold_until = clock.monotonic() + self._hold_s
            pending.delay_s = self._hold_s
        if first:
            what = sanitize(f"{type(error).__name__}: {error}", limit=300)
            tick = timestamp(pending.tick_ms)
            log.error("schedule %s: tick %s failed and is tried again: %s", pending.schedule.name, tick, what)
        self._later(pending, pending.delay_s)
