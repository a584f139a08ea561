"""`jobctl queue empty`: all jobs of a queue that do not run go to the trash."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from jobctl.ops.bulk.plan import Planned
from jobctl.ops.bulk.run import BATCH
from jobctl.ops.bulk.selection import Selection
from jobctl.ops.bulk.verb import Tally, Tried, Verb, any_job
from jobctl.ops.filters import Filter
from jobctl.ops.known import known_queues, no_queue
from jobctl.store.data.records import PlanRow
from jobctl.store.data.states import allowing

if TYPE_CHECKING:
    from jobctl.catalog.model import Catalog
    from jobctl.store import Store


def empty(name: str) -> Verb:
    """The verb, for one queue."""

    def by_index(store: Store, _planned: Planned, tally: Tally) -> Iterator[list[Tried]]:
        while tally.left > 0:
            moved, left = store.queues.empty(name, limit=min(BATCH, tally.left))
            tally.changed += moved
            yield []
            if left == 0:
                return

    return Verb(
        name="queue empty",
        does="move",
        done="moved",
        outcome="is in the trash",
        tail=f" of queue {name} to the trash",
        states=allowing("empty"),
        judge=any_job,
        change=lambda _store, _queue, jobs: [False] * len(jobs),
        by_index=by_index,
        none=f"queue {name} has no jobs that can be moved to the trash",
        nothing="running and dead jobs stay where they are",
        hint=f"`jobctl dead restore queue:{name}` brings them back within 7 days",
    )


def plan(store: Store, catalog: Catalog | None, name: str) -> Planned:
    """How many jobs of each state would go. Raises NothingMatched for an unknown queue."""
    known = known_queues(store, catalog)
    if name not in known:
        raise no_queue(name, known)
    counts = store.queues.emptiable(name)
    rows = [
        PlanRow(queue=name, state=state, type=None, group=None, error=None, count=count)
        for state, count in counts.items()
        if count
    ]
    return Planned(Selection((name,), Filter(), f"queue:{name}"), tuple(rows), whole=True)
