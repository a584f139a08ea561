"""Bringing a namespace from an older layout to this version's: a bulk change whose items are entries in Redis."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from jobctl.ops.bulk.plan import Planned
from jobctl.ops.bulk.selection import Selection
from jobctl.ops.bulk.verb import Tally, Tried, Verb, any_job
from jobctl.ops.filters.filter import Filter
from jobctl.store.data.plans import PlanRow
from jobctl.store.migrations import run
from jobctl.store.wire.layout import LAYOUT

if TYPE_CHECKING:
    from jobctl.store import Store


def plan(store: Store) -> Planned | None:
    """What a migration would look at; None if the namespace has this version's layout, or is empty.

    Raises OtherLayout for a newer one.
    """
    way = run.next_way(store)
    if way is None:
        return None
    rows = [
        PlanRow(queue=part.queue, state=part.what, type=None, group=None, error=None, count=part.count)
        for part in way.parts
        if part.count
    ]
    return Planned(Selection((store.namespace,), Filter(), f"namespace {store.namespace}"), tuple(rows), whole=True)


def migrate(namespace: str) -> Verb:
    """The verb. It may be broken off, and run again; it is refused while processes work in the namespace."""

    def by_index(store: Store, planned: Planned, tally: Tally) -> Iterator[list[Tried]]:
        before = 0
        while (way := run.next_way(store)) is not None:
            looked_at = 0
            for looked_at in run.walk(store, way):
                tally.changed = min(before + looked_at, planned.matched)
                yield []
            before += looked_at
        tally.changed = planned.matched

    return Verb(
        name="migrate",
        does="migrate",
        done="migrated",
        outcome="is migrated",
        noun="item",
        tail=f" of namespace {namespace} to layout {LAYOUT}",
        states=(),
        judge=any_job,
        change=lambda _store, _queue, jobs: [False] * len(jobs),
        by_index=by_index,
        operates=False,
        hint="start its workers and schedulers again",
    )
