"""APScheduler as a timer and nothing else: it says which schedule is due at which tick.

It runs inside our event loop, without a thread that could die unseen, and keeps its jobs in memory.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
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

log = logging.getLogger(__name__)

LOOK_S = 1.0
"""The longest sleep: what a step of the wall clock, or a suspended machine, can make a tick late."""

Due = Callable[[Schedule, int], None]


class TickExecutor(BaseExecutor):  # type: ignore[misc]  # APScheduler has no types
    """Hands the tick's time to the job's function at once; APScheduler's own executors do not tell it."""

    def _do_submit_job(self, job: Job, run_times: Sequence[datetime]) -> None:
        try:
            job.func(*job.args, clock.to_ms(run_times[-1]))
        except Exception as error:  # noqa: BLE001 - one schedule's trouble must not stop the others
            self._run_job_error(job.id, error, error.__traceback__)
        else:
            self._run_job_success(job.id, [])


class TickTimer(BaseScheduler):  # type: ignore[misc]  # APScheduler has no types
    """Calls `due(schedule, tick_ms)` in the loop; of several overdue ticks of one schedule, only for the
    latest."""

    def __init__(self, loop: Loop, due: Due) -> None:
        super().__init__(
            timezone=UTC,
            executors={"default": TickExecutor()},
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
        )
        self._loop = loop
        self._due = due
        self._next_look: LoopTimer | None = None

    def put(self, schedule: Schedule) -> None:
        """Add a schedule, or change the one of the same name; its next tick is the first after now."""
        trigger, name = TickTrigger(schedule), schedule.name
        self.add_job(self._fire, trigger, args=(schedule,), id=name, name=name, replace_existing=True)

    def drop(self, name: str) -> None:
        """Forget a schedule; nothing happens when there is none (a cron line may have no next tick)."""
        try:
            self.remove_job(name)
        except JobLookupError:
            log.debug("schedule %s had no next tick", name)

    def _fire(self, schedule: Schedule, tick_ms: int = 0) -> None:
        """`tick_ms` is always given; its default is for APScheduler, which wants to see every argument."""
        self._due(schedule, tick_ms)

    def wakeup(self) -> None:
        """Hand out what is due, and arrange the next look. APScheduler calls it after every change."""
        if self._next_look:
            self._next_look.cancel()
        wait: float | None = LOOK_S
        try:
            if self.state != STATE_STOPPED:
                wait = self._process_jobs()
        except Exception:
            log.exception("the timer failed; it goes on")
        self._next_look = self._loop.later(LOOK_S if wait is None else min(wait, LOOK_S), self.wakeup)

    def shutdown(self, wait: bool = True) -> None:
        """Stop; no tick is handed out afterwards."""
        super().shutdown(wait)
        if self._next_look:
            self._next_look.cancel()
