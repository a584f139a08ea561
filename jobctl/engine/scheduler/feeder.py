"""Ticks on their way into the store: each is tried until it is in, or until the next one of its schedule is
due."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from jobctl import clock
from jobctl.catalog.model import Schedule
from jobctl.engine.scheduler.catch_up import Missing, make_up
from jobctl.engine.tools.loop import Loop, Timer
from jobctl.errors import JobctlError, RedisUnavailable
from jobctl.store.data.newjob import key_words
from jobctl.store.nouns.schedules import Ticked
from jobctl.text import sanitize

log = logging.getLogger(__name__)

AT_ONCE = 50
"""Ticks that are taken in one round trip: signals wait for it."""
FIRST_DELAY_S, MAX_DELAY_S = 1.0, 15.0


Told = Callable[[int, int], None]
"""Is told Redis's clock: when it was asked, by this machine's clock, and what it showed (epoch ms)."""


class Ticks(Missing, Protocol):
    """The store's side of schedules. Called from the scheduler's only thread: use socket timeouts of 1 s.

    Each call is safe to repeat. Any exception means that it may be tried again.
    """

    def take(self, due: Sequence[tuple[Schedule, int]]) -> Sequence[Ticked | JobctlError]:
        """Take ticks that are due. For each what became of it, or why it failed while others did not."""

    def schedules(self) -> Mapping[str, Schedule]:
        """The schedules as they are now: the catalog's, with what is set by hand."""

    def announce(self, schedules: Sequence[Schedule]) -> tuple[int, dict[str, int]]:
        """Say which schedules there are. Returns Redis's clock, and the tick that comes next for each: in the past if
        some were missed."""

    def alone(self, name: str) -> bool:
        """Whether no other scheduler than `name` lives."""

    def look(self) -> None:
        """Note how jobs of ticks have ended, and enqueue ticks that have waited for that. A bounded piece of work."""


@dataclass
class Pending:
    """A tick that is not in yet. `delay_s` is the last wait between two tries, 0 before the first failure."""

    schedule: Schedule
    tick_ms: int
    delay_s: float = 0.0
    timer: Timer | None = None


class Feeder:
    """Holds at most one tick a schedule. While Redis is unreachable, one schedule at a time feels its way."""

    def __init__(self, ticks: Ticks, loop: Loop, told: Told) -> None:
        self._ticks = ticks
        self._loop = loop
        self._told = told
        self._pending: dict[str, Pending] = {}
        self._fresh: list[Pending] = []
        self._hold_until = 0.0
        self._hold_s = 0.0

    @property
    def pending(self) -> int:
        return len(self._pending)

    def offer(self, schedule: Schedule, tick_ms: int) -> None:
        """A tick is due. An older one of the same schedule that is still waiting is given up: the store says that it
        was missed when this one comes."""
        if old := self._pending.get(schedule.name):
            self._cancel(old)
        self._pending[schedule.name] = pending = Pending(schedule, tick_ms, old.delay_s if old else 0.0)
        self._fresh.append(pending)
        if len(self._fresh) == 1:
            self._loop.later(0.0, self._flush)

    def _flush(self) -> None:
        """Take what has become due, many ticks in one round trip."""
        fresh = [pending for pending in self._fresh if self._pending.get(pending.schedule.name) is pending]
        now, self._fresh = fresh[:AT_ONCE], fresh[AT_ONCE:]
        if self._fresh:
            self._loop.later(0.0, self._flush)
        if self._hold_until > clock.monotonic():
            for pending in now:
                self._later(pending, 0.0)
        elif now:
            self._take(now)

    def _take(self, due: Sequence[Pending]) -> None:
        asked_ms = clock.now_ms()
        try:
            said = self._ticks.take([(pending.schedule, pending.tick_ms) for pending in due])
        except Exception as error:  # noqa: BLE001 - whatever the store does, the timer goes on
            self._failed(due[0], error)
            for pending in due[1:]:
                self._later(pending, 0.0)
            return
        for pending, one in zip(due, said, strict=True):
            if isinstance(one, Ticked):
                self._settle(pending, one, asked_ms)
            else:
                self._failed(pending, one)

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
        held = self._hold_until - clock.monotonic()
        if held > 0:
            self._later(pending, held)
            return
        self._take([pending])

    def _settle(self, pending: Pending, said: Ticked, asked_ms: int) -> None:
        """Go on by what became of a tick."""
        self._hold_s = 0.0
        if said.outcome == "early":
            self._later(pending, (pending.tick_ms - said.now_ms) / 1000)
        elif said.outcome == "behind":
            self._make_up(pending, int(said.more), said.now_ms)
        else:
            del self._pending[pending.schedule.name]
            _tell(pending, said)
        self._told(asked_ms, said.now_ms)

    def _make_up(self, pending: Pending, from_ms: int, now_ms: int) -> None:
        """Ticks before this one were missed: they go first, some at a time."""
        try:
            make_up(self._ticks, pending.schedule, from_ms, pending.tick_ms, now_ms)
        except Exception as error:  # noqa: BLE001 - as in _try
            self._failed(pending, error)
        else:
            self._later(pending, 0.0)

    def _failed(self, pending: Pending, error: Exception) -> None:
        first = pending.delay_s == 0.0
        pending.delay_s = min(max(pending.delay_s * 2, FIRST_DELAY_S), MAX_DELAY_S)
        if isinstance(error, RedisUnavailable):
            self._hold_s = min(max(self._hold_s * 2, FIRST_DELAY_S), MAX_DELAY_S)
            self._hold_until = clock.monotonic() + self._hold_s
            pending.delay_s = self._hold_s
        if first:
            what = sanitize(f"{type(error).__name__}: {error}", limit=300)
            tick = clock.stamp(pending.tick_ms)
            log.error("schedule %s: tick %s failed and will be retried: %s", pending.schedule.name, tick, what)
        self._later(pending, pending.delay_s)


def _tell(pending: Pending, said: Ticked) -> None:
    """Log what became of a tick."""
    name, tick = pending.schedule.name, clock.stamp(pending.tick_ms)
    if said.set_back_ms is not None:
        why = "a clock was wrong, and all ticks until then would have been skipped"
        log.warning("schedule %s: reset its cursor, which was at %s: %s", name, clock.stamp(said.set_back_ms), why)
    if said.job is None:
        log.debug("schedule %s: tick %s not enqueued: %s", name, tick, said.outcome)
    elif said.job.outcome in ("skipped", "conflict"):
        held = f"{key_words(said.job.job)} is held by job {said.job.other}"
        log.debug("schedule %s: tick %s not enqueued: %s", name, tick, sanitize(held))
    else:
        log.info("schedule %s: tick %s enqueued as job %s", name, tick, sanitize(said.job.id))
