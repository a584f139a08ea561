"""Tells of a blocked event loop, in every place where somebody may look, and saves its neighbours."""

from __future__ import annotations

import logging

from jobctl import clock
from jobctl.engine.attempt.verdict import HOST, PID
from jobctl.engine.process.loop_jobs import LoopJobs
from jobctl.engine.process.loop_runner import OnLoop
from jobctl.engine.process.slots import SlotTable
from jobctl.errors import RedisUnavailable
from jobctl.store import Store
from jobctl.store.data.records import Event

LATELY_S = 10.0
"""For how long a late answer is told."""
_log = logging.getLogger("jobctl.worker")


class Blockage:
    """What a watch reports to, in its own thread."""

    def __init__(self, jobs: LoopJobs, store: Store, slots: SlotTable | None) -> None:
        self._jobs = jobs
        self._store = store
        self._slots = slots
        self._lag_s = self._lag_at = 0.0

    def answers(self, lag_s: float) -> None:
        """The loop answered so late: the worst of the last seconds is told. Called on the loop."""
        now = clock.monotonic()
        if self._slots is not None and (lag_s >= self._lag_s or now - self._lag_at > LATELY_S):
            self._lag_s, self._lag_at = lag_s, now
            self._slots.set_lag(lag_s)

    def begins(self, run: OnLoop | None, where: str, since: float) -> None:
        """The loop stands still since `since` (monotonic clock): nothing more is fetched for it."""
        self._jobs.closed = True
        job = run.job.reserved if run is not None else None
        if self._slots:
            self._slots.set_blocked(since, f"{job.token} {job.queue} {job.id}|{where}" if job else f"- - -|{where}")
        if run is None:
            return
        run.voice.log("log", f"it blocks the event loop of its process at {where}")
        try:
            self._store.events.add(_event(run, where))
        except RedisUnavailable as error:
            _log.info("cannot publish that the event loop is blocked: %s", error)

    def lasts(self, run: OnLoop | None) -> None:
        """It could not be interrupted."""
        self._jobs.save(run)

    def ends(self) -> None:
        """The loop turns again."""
        self._jobs.stuck, self._jobs.dead, self._jobs.closed = None, False, False
        if self._slots:
            self._slots.set_blocked(0.0, "")


def _event(run: OnLoop, where: str) -> Event:
    reserved = run.job.reserved
    return Event(
        at=clock.to_datetime(clock.now_ms()),
        event="blocked",
        id=reserved.id,
        type=run.job.type.name,
        queue=reserved.queue,
        label=run.job.label,
        attempt=run.job.number,
        message=f"it blocks the event loop of its process at {where}",
        host=HOST,
        pid=PID,
    )
