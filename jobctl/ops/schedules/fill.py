"""Ticks by hand: one now, or those that were missed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import islice, takewhile
from typing import TYPE_CHECKING

import msgspec

from jobctl import clock
from jobctl.catalog.ticks import ticks
from jobctl.errors import NothingMatched, UsageError
from jobctl.ops.schedules.known import effective, kept_as, named, taken_over
from jobctl.ops.schedules.ticking import Ticking
from jobctl.store.nouns.audit import me

if TYPE_CHECKING:
    from jobctl.catalog.model import Catalog, Schedule
    from jobctl.catalog.units import Rate
    from jobctl.store import Store
    from jobctl.store.data.newjob import Enqueued
    from jobctl.store.nouns.schedules import Ticked

MOST = 10_000
"""Ticks that one backfill looks at: as many as a schedule's history holds."""


class Gap(msgspec.Struct, frozen=True):
    """What a backfill would do: the schedule, its ticks without a job (epoch ms), and how many have one."""

    schedule: Schedule
    missing: list[int]
    done: int


class Filled(msgspec.Struct, frozen=True, kw_only=True):
    """A tick of a backfill. `outcome`: missing (it has no job: a dry run), enqueued, held (job `job` holds its unique
    key), taken (somebody else has enqueued it meanwhile), forgotten (its history is trimmed)."""

    schedule: str
    due_at: datetime
    outcome: str
    job: str | None = None


def run(store: Store, catalog: Catalog, name: str, at_ms: int | None) -> Enqueued:
    """Enqueue a schedule's job now, as for a tick at a moment of the past (by default now), whatever its history says.

    Raises NothingMatched, UsageError, and Conflict if another job holds the unique key.
    """
    [schedule] = taken_over(store, catalog, [name])
    now = store.processes.now_ms()
    if at_ms is not None and at_ms > now:
        raise UsageError("--at is in the future", "`jobctl enqueue TYPE --at TIME` enqueues a job for later")
    said = Ticking(store, catalog).tick(schedule, now if at_ms is None else at_ms, "hand", f"by {me()}")
    if said.job is None:
        raise NothingMatched(f"schedule {name} was not run: {said.outcome}")
    store.audit.add("schedule run", f"schedule:{name}", 1, f"job {said.job.id}")
    return said.job.require()


def gap(store: Store, catalog: Catalog, name: str, since_ms: int, until_ms: int | None) -> Gap:
    """The ticks from one moment to another (by default now) that have no job.

    Raises NothingMatched, and UsageError for more than MOST ticks or such as are older than the history.
    """
    [schedule] = named(effective(store, catalog), [name])
    now = store.processes.now_ms()
    until = now if until_ms is None else min(until_ms, now)
    if since_ms > until:
        raise UsageError("--since is later than --until or now, so there is nothing to fill")
    due = list(islice(takewhile(lambda tick: tick <= until, ticks(schedule, since_ms - 1)), MOST + 1))
    if len(due) > MOST:
        raise UsageError(f"more than {MOST:,} ticks lie between --since and --until", "choose a shorter time")
    kept = kept_as(store, schedule)
    floor = store.schedules.cursors([kept])[kept].floor_ms
    if due and due[0] <= floor:
        raise UsageError(f"the history of {name} begins after {clock.iso(floor)}", "choose a later --since")
    rows = store.ticks.history(kept, since_ms=due[0], before_ms=due[-1], limit=2 * MOST) if due else []
    taken = {row.due_ms for row in rows if row.job or row.what == "queued"}
    missing = [tick for tick in due if tick not in taken]
    return Gap(schedule, missing, len(due) - len(missing))


def fill(store: Store, catalog: Catalog, found: Gap, rate: Rate | None) -> Iterator[Filled]:
    """Enqueue a job for each missing tick that still has none, oldest first.

    With `rate` the jobs are delayed so that no more become due in each period.
    """
    ticking, filled = Ticking(store, catalog), 0
    taken_over(store, catalog, [found.schedule.name])
    try:
        for tick in found.missing:
            delay = 0 if rate is None else filled * rate.per_ms // rate.count
            said = ticking.tick(found.schedule, tick, "backfill", f"by {me()}", delay_ms=delay)
            filled += said.job is not None and said.job.fresh
            yield _filled(found, tick, said)
    finally:
        if filled:
            store.audit.add("schedule backfill", f"schedule:{found.schedule.name}", filled)


def missing(found: Gap) -> list[Filled]:
    """What a backfill would enqueue."""
    return [
        Filled(schedule=found.schedule.name, due_at=clock.to_datetime(tick), outcome="missing")
        for tick in found.missing
    ]


def _filled(found: Gap, tick: int, said: Ticked) -> Filled:
    job = said.job
    outcome = said.outcome if job is None else "enqueued" if job.fresh else "held"
    holder = None if job is None else job.id if job.fresh else job.other
    return Filled(schedule=found.schedule.name, due_at=clock.to_datetime(tick), outcome=outcome, job=holder)
