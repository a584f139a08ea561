"""Ticks on the way into the store: each becomes a job of the catalog, in the same step that takes the tick."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from jobctl.catalog.model import Catalog, Schedule
from jobctl.catalog.templates import TemplateProblem
from jobctl.catalog.ticks import following, identity, rendered, spread_ms
from jobctl.errors import OperationFailed, UsageError
from jobctl.ops.schedules.known import effective
from jobctl.ops.schedules.outcomes import Outcomes, has_ended
from jobctl.producer import Producer
from jobctl.store import Store
from jobctl.store.data.newjob import NewJob
from jobctl.store.nouns.schedules import Tick, Ticked
from jobctl.store.nouns.ticks import OpenTick
from jobctl.text import sanitize

log = logging.getLogger(__name__)

TRIES = 5
"""How often a tick is tried again because the jobs in its way have ended."""
FOLLOWED_MS = 60_000
"""Schedulers have seen by then what was set by hand."""
NAMED = 5
"""Cancelled jobs that a tick's row names."""


class Ticking:
    """The store's side of a scheduler: see engine.scheduler.feeder.Ticks."""

    def __init__(self, store: Store, catalog: Catalog, outcomes: Outcomes | None = None) -> None:
        """`outcomes` notes how jobs have ended; who only enqueues ticks needs none."""
        self._store = store
        self._producer = Producer(catalog, store.mint)
        self._outcomes = outcomes or Outcomes(store)

    def use(self, catalog: Catalog) -> None:
        """Make jobs of another catalog from now on."""
        self._producer = Producer(catalog, self._store.mint)

    def tick(self, schedule: Schedule, tick_ms: int, how: str = "tick", why: str = "", *, delay_ms: int = 0) -> Ticked:
        """Take a tick and enqueue its job, `delay_ms` later than else, or do with it what `overlap` says. Raises
        UsageError for a payload that does not fit, OperationFailed if it is to be tried again, since so many jobs of
        earlier ticks have ended."""
        tick = self._made(schedule, tick_ms, how, why, delay_ms)
        return self._resolved(schedule, tick, self._store.schedules.tick(tick))

    def take(self, due: Sequence[tuple[Schedule, int]]) -> list[Ticked | UsageError | OperationFailed]:
        """Take ticks that are due, in few round trips. For each what became of it, or what `tick` would raise."""
        made: list[Tick | UsageError] = []
        for schedule, tick_ms in due:
            try:
                made.append(self._made(schedule, tick_ms))
            except UsageError as problem:
                made.append(problem)
        said = iter(self._store.schedules.tick_all([tick for tick in made if isinstance(tick, Tick)]))
        return [
            self._tried(schedule, tick, next(said)) if isinstance(tick, Tick) else tick
            for (schedule, _), tick in zip(due, made, strict=True)
        ]

    def _tried(self, schedule: Schedule, tick: Tick, said: Ticked) -> Ticked | OperationFailed:
        try:
            return self._resolved(schedule, tick, said)
        except OperationFailed as problem:
            return problem

    def _made(self, schedule: Schedule, tick_ms: int, how: str = "tick", why: str = "", delay_ms: int = 0) -> Tick:
        look = schedule.overlap != "allow" and how not in ("hand", "backfill")
        job = self._job(schedule, tick_ms, delay_ms)
        return Tick(schedule.name, tick_ms, following(schedule, tick_ms), job, how, why, look)

    def _resolved(self, schedule: Schedule, tick: Tick, said: Ticked) -> Ticked:
        """What becomes of a tick in the end, where the job of an earlier one seemed to be in its way."""
        for _ in range(TRIES):
            if said.outcome != "overlaps":
                return said
            earlier = OpenTick(schedule.name, tick.at_ms, *said.more.split(" ", 1))
            if not has_ended(self._outcomes.state_of(earlier)):
                return self._overlap(schedule, tick, earlier, said)
            self._outcomes.note(schedule)
            said = self._store.schedules.tick(tick)
        raise OperationFailed("the jobs of earlier ticks that have ended are still being noted")

    def _overlap(self, schedule: Schedule, tick: Tick, earlier: OpenTick, said: Ticked) -> Ticked:
        """The job of an earlier tick has not ended."""
        if tick.how == "queued":
            return said
        if schedule.overlap == "cancel-running":
            cancelled = self._outcomes.cancel(schedule)
            why = f"cancelled for it: {', '.join(cancelled[:NAMED])}" if cancelled else ""
            return self._store.schedules.tick(replace(tick, why=why, look=False))
        why = f"job {earlier.job} of an earlier tick had not ended"
        what = "queued" if schedule.overlap == "queue" else "skipped"
        if self.let_pass(schedule, [tick.at_ms], tick.next_ms, what, why):
            log.info("schedule %s: a tick is %s: %s", schedule.name, what, why)
        return said

    def let_pass(self, schedule: Schedule, passed: Sequence[int], next_ms: int, what: str, why: str) -> int:
        """Let ticks pass without a job; `next_ms` is the one after the last. Returns how many did."""
        return self._store.schedules.let_pass(schedule.name, passed, next_ms, what, why)

    def schedules(self) -> Mapping[str, Schedule]:
        """The catalog's schedules, with what is set by hand."""
        return effective(self._store, self._producer.catalog)

    def announce(self, schedules: Sequence[Schedule]) -> tuple[int, dict[str, int]]:
        """Say which schedules there are. Returns Redis's clock, and the tick that comes next for each: in the past if
        some were missed."""
        self._store.schedules.part(one.name for one in schedules)
        for old, new in self._store.schedules.rename([(one.was, one.name) for one in schedules if one.was]):
            log.warning("schedule %s: `was: %s` has no effect: both were in use within the last hour", new, old)
        now = self._store.processes.now_ms()
        rows = [(one.name, identity(one), following(one, _counted_from(one, now))) for one in schedules]
        return now, dict(zip([one.name for one in schedules], self._store.schedules.announce(rows), strict=True))

    def alone(self, name: str) -> bool:
        """Whether no other scheduler than `name` lives."""
        return not any(row.kind == "scheduler" and row.name != name for row in self._store.processes.ls())

    def look(self) -> None:
        """Note how jobs of ticks have ended, and enqueue ticks that have waited for that."""
        for schedule, tick_ms in self._outcomes.look(self._producer.catalog.schedules):
            try:
                said = self.tick(schedule, tick_ms, "queued", "it has waited for the job of an earlier tick")
            except UsageError as problem:  # the ticks of other schedules wait, too
                log.error(
                    "schedule %s: a tick that waited cannot be enqueued: %s", schedule.name, sanitize(str(problem))
                )
                continue
            if said.job is not None:
                log.info("schedule %s: a tick that waited is job %s", schedule.name, said.job.id)

    def _job(self, schedule: Schedule, tick_ms: int, delay_ms: int) -> NewJob:
        wait_ms = spread_ms(schedule, tick_ms) + delay_ms
        try:
            payload = rendered(schedule, tick_ms)
        except TemplateProblem as problem:
            raise UsageError(f"schedule {schedule.name}: {problem}") from problem
        return self._producer.prepare(schedule.job, payload, delay=wait_ms / 1000 if wait_ms else None)


def _counted_from(schedule: Schedule, now_ms: int) -> int:
    """After which moment ticks count if the times of a schedule are new: since they were set by hand, if somebody has
    just done so, else now."""
    moments = [ms for period in schedule.by_hand for ms in (period.from_ms, period.until_ms) if 0 < ms <= now_ms]
    last = max(moments, default=0)
    return last - 1 if now_ms - last <= FOLLOWED_MS else now_ms
