"""How the jobs of ticks have ended: noted in the history, counted towards a pause, told to a heartbeat."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime

from jobctl import clock
from jobctl.catalog.model import Schedule
from jobctl.ops.bulk.verbs import cancelled
from jobctl.store import Store
from jobctl.store.data.found import Found
from jobctl.store.data.states import TERMINAL
from jobctl.store.nouns.schedules import LIVES_MS, SchedulePause
from jobctl.store.nouns.shown import to_job
from jobctl.store.nouns.ticks import OpenTick
from jobctl.text import sanitize

log = logging.getLogger(__name__)

AT_ONCE = 20
"""Schedules that one look goes through."""
TURNS = ("tick", "caught_up", "queued")
"""How a tick comes about in its turn, not by hand."""
GONE = "gone"
"""The state of a job that was removed before anyone saw how it ended."""


def _no_heartbeat(_schedule: Schedule) -> None:
    pass


class Outcomes:
    """Looks at the jobs of ticks until they have ended."""

    def __init__(self, store: Store, completed: Callable[[Schedule], None] = _no_heartbeat) -> None:
        """`completed` is called once for each job that completed, of a schedule that has a heartbeat."""
        self._store = store
        self._completed = completed
        self._turn = 0

    def look(self, schedules: Mapping[str, Schedule]) -> list[tuple[Schedule, int]]:
        """Note how jobs have ended, of some schedules in their turn. Returns ticks that need wait no longer."""
        own = self._own(schedules)
        if not own:
            return []
        names = list(own)
        self._turn %= len(names)
        turn = (names[self._turn :] + names[: self._turn])[:AT_ONCE]
        self._turn += AT_ONCE
        jobs, queued = self._store.ticks.open(turn)
        ended = self._note_ended(jobs, own)
        busy = {tick.schedule for tick in jobs} - {tick.schedule for tick in ended}
        return [(one, at) for name, at in queued.items() if (one := own[name]) is not None and name not in busy]

    def _own(self, schedules: Mapping[str, Schedule]) -> dict[str, Schedule | None]:
        """The schedules to look at, by the names under which they are kept: those of the catalog, and what no catalog
        has any more. How others' jobs have ended is for a scheduler to note that knows what to do about it."""
        names = self._store.ticks.busy()
        if all(name in schedules for name in names):
            return {name: schedules[name] for name in names}
        own = {root: schedules[name] for name, root in self._store.schedules.roots(schedules).items()}
        announced, since = self._store.schedules.announced(), self._store.processes.now_ms() - LIVES_MS
        return {name: own.get(name) for name in names if name in own or announced.get(name, 0) < since}

    def state_of(self, tick: OpenTick) -> str:
        """The state of a tick's job."""
        return _state(self._located([tick]).get(tick))

    def note(self, schedule: Schedule) -> None:
        """Note which jobs of a schedule have ended, of the oldest that are not noted yet."""
        root = self._root(schedule)
        jobs, _ = self._store.ticks.open([root])
        self._note_ended(jobs, {root: schedule})

    def _root(self, schedule: Schedule) -> str:
        return self._store.schedules.roots([schedule.name])[schedule.name]

    def _note_ended(self, jobs: list[OpenTick], schedules: Mapping[str, Schedule | None]) -> list[OpenTick]:
        """Note those of the jobs that have ended; returns them."""
        found = self._located(jobs)
        ended = [tick for tick in jobs if has_ended(_state(found.get(tick)))]
        for tick in ended:
            self._note(tick, schedules.get(tick.schedule), found.get(tick))
        return ended

    def cancel(self, schedule: Schedule) -> list[str]:
        """Cancel the jobs of earlier ticks, or ask those that run to stop; not what people ran or filled in. Returns
        their ids."""
        out = []
        for jobs in self._store.ticks.each_open(self._root(schedule)):
            how = self._store.ticks.how(jobs)
            found = self._located([one for one in jobs if how.get(one) in TURNS])
            open_ones = {tick: job for tick, job in found.items() if not has_ended(job.state)}
            for tick, job in open_ones.items():
                self._store.jobs.cancel(tick.queue, [cancelled(job)], running=True)
            out += [tick.job for tick in open_ones]
        return out

    def _located(self, ticks: list[OpenTick]) -> dict[OpenTick, Found]:
        by_queue: dict[str, list[OpenTick]] = {}
        for tick in ticks:
            by_queue.setdefault(tick.queue, []).append(tick)
        out = {}
        for queue, those in by_queue.items():
            found = {job.id: job for job in self._store.jobs.locate(queue, [tick.job for tick in those])}
            out.update({tick: found[tick.job] for tick in those if tick.job in found})
        return out

    def _note(self, tick: OpenTick, schedule: Schedule | None, job: Found | None) -> None:
        most = 0 if schedule is None else schedule.pause_on_failure
        reason = f"{most} of its jobs died in a row" if most > 1 else "its job died"
        pause = SchedulePause(0, "pause_on_failure", reason).text()
        seen, state = None if job is None else to_job(job), _state(job)
        started, ended = (None, None) if seen is None else (_ms(seen.started_at), _ms(seen.finished_at))
        noted, paused = self._store.ticks.settle(tick, state, started, ended, most=most, pause=pause)
        if paused:
            log.warning("schedule %s is paused: job %s is dead", tick.schedule, sanitize(tick.job))
            self._store.audit.add(
                "schedule pause", f"schedule:{tick.schedule}", 1, f"by itself: job {tick.job} is dead"
            )
        if noted and state == "completed" and schedule is not None and schedule.heartbeat:
            self._completed(schedule)


def has_ended(state: str) -> bool:
    """Whether a job in that state, as `state_of` names it, holds up no tick."""
    return state == GONE or state in TERMINAL


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else clock.to_ms(moment)


def _state(job: Found | None) -> str:
    return GONE if job is None else job.state
