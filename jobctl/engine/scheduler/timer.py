"""APScheduler as a timer and nothing else: it says which schedule is due at which tick.

It runs inside our event loop, without a thread that could die unseen, and keeps its jobs in memory.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime

from apscheduler.executors.base import BaseExecutor
from apscheduler.job import Job
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.base import STATE_STOPPED, BaseScheduler

from jobctl import clock
from jobctl.catalog.model import Schedule
from jobctl.engine.scheduler.trigger import TickTrigger
from jobctl.engine.tools.loop import Loop
from jobctl.engine.tools.loop import Timer as LoopTimer
from jobctl.text import sanitize

log = logging.getLogger(__name__)

LOOK_S = 1.0
"""The longest sleep: what a step of the wall clock, or a suspended machine, can make a tick late."""
APART_MS = 250
"""How far this machine's clock may be from Redis's before the timer goes by the difference."""

FAILURES = 5
"""After so many looks in a row that failed the timer is dead: it says so, rather than let ticks pass in silence."""

Due = Callable[[Schedule, int], None]


class TickExecutor(BaseExecutor):  # type: ignore[misc]  # APScheduler has no types
    """Hands the tick's time to the job's function at once; APScheduler's own executors do not tell it."""

    def _do_submit_job(self, job: Job, run_times: Sequence[datetime]) -> None:
        try:
            job.func(*job.args, run_times[-1])
        except Exception as error:  # noqa: BLE001 - one schedule's trouble must not stop the others
            self._run_job_error(job.id, error, error.__traceback__)
        else:
            self._run_job_success(job.id, [])


class TickTimer(BaseScheduler):  # type: ignore[misc]  # APScheduler has no types
    """Calls `due(schedule, tick_ms)` in the loop; of several overdue ticks of one schedule, only for the
    latest. Ticks are due by Redis's clock, as far as `correct` has told of it."""

    def __init__(self, loop: Loop, due: Due, dead: Callable[[], None]) -> None:
        """`dead` is called once no more ticks will come."""
        super().__init__(
            timezone=UTC,
            executors={"default": TickExecutor()},
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
        )
        self._loop = loop
        self._due = due
        self._dead = dead
        self._failures = 0
        self._schedules: dict[str, Schedule] = {}
        self._ahead_ms = 0
        self._looked_ms: int | None = None
        self._next_look: LoopTimer | None = None

    def put(self, schedule: Schedule) -> None:
        """Add a schedule, or change the one of the same name; its next tick is the first after now."""
        self._put(schedule, clock.now_ms() - self._ahead_ms)

    def correct(self, asked_ms: int, redis_ms: int) -> None:
        """Redis's clock, as it was told to who asked at `asked_ms` of this machine's. Ticks follow it from now on."""
        least, most = asked_ms - redis_ms, clock.now_ms() - redis_ms
        after_ms = redis_ms if self._looked_ms is None else min(self._looked_ms, redis_ms)
        self._looked_ms = after_ms  # what has become due since the last look is not lost
        if least - APART_MS <= self._ahead_ms <= most + APART_MS:
            return
        self._ahead_ms = most
        side = "ahead of" if most > 0 else "behind"
        log.warning("this machine's clock is %.1f s %s Redis's, by which ticks are due", abs(most) / 1000, side)
        for schedule in list(self._schedules.values()):
            self._put(schedule, after_ms)

    def _put(self, schedule: Schedule, after_ms: int) -> None:
        trigger, name = TickTrigger(schedule, self._ahead_ms), schedule.name
        first = trigger.first_after(after_ms)
        if first is None:  # a cron line may have no next tick
            self.drop(name)
        else:
            self.add_job(
                self._fire, trigger, args=(trigger,), id=name, name=name, next_run_time=first, replace_existing=True
            )
        self._schedules[name] = schedule

    def drop(self, name: str) -> None:
        """Forget a schedule; nothing happens when there is none."""
        self._schedules.pop(name, None)
        with suppress(JobLookupError):
            self.remove_job(name)

    def _fire(self, trigger: TickTrigger, at: datetime = datetime.max) -> None:
        """`at` is always given; its default is for APScheduler, which wants to see every argument."""
        self._due(trigger.schedule, trigger.tick_at(at))

    def wakeup(self) -> None:
        """Hand out what is due, and arrange the next look. APScheduler calls it after every change."""
        if self._next_look:
            self._next_look.cancel()
        wait: float | None = LOOK_S
        try:
            if self.state != STATE_STOPPED:
                if self._looked_ms is not None:
                    self._looked_ms = max(self._looked_ms, clock.now_ms() - self._ahead_ms)
                wait = self._process_jobs()
            self._failures = 0
        except Exception as error:
            self._failures += 1
            if self._failures == FAILURES:
                what = sanitize(f"{type(error).__name__}: {error}", limit=300)
                log.critical("the timer has failed %d times in a row, the last time with %s", FAILURES, what)
                self._dead()
                return
            log.exception("the timer failed; it continues")
        self._next_look = self._loop.later(LOOK_S if wait is None else min(wait, LOOK_S), self.wakeup)

    def shutdown(self, wait: bool = True) -> None:
        """Stop; no tick is handed out afterwards."""
        super().shutdown(wait)
        if self._next_look:
            self._next_look.cancel()
