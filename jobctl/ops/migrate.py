"""Bringing a namespace from an older layout to this version's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from jobctl.ops import bulk
from jobctl.ops.bulk import Tally
from jobctl.store.data.records import BulkResult, Plan, PlanRow
from jobctl.store.migrations import run
from jobctl.store.wire.layout import LAYOUT

if TYPE_CHECKING:
    from jobctl.store import Store


def plan(store: Store) -> Plan | None:
    """What a migration would look at; None if the namespace has this version's layout, or nothing lies there.

    Raises OtherLayout for a newer one.
    """
    way = run.next_way(store)
    if way is None:
        return None
    rows = [
        PlanRow(queue=part.queue, type="*", group="", error=part.what, count=part.count)
        for part in way.parts
        if part.count
    ]
    return Plan(matched=sum(row.count for row in rows), parts=tuple(rows))


def migrate(store: Store, planned: Plan) -> Iterator[BulkResult]:
    """Carry out every step that is needed; yields the result so far. Safe to break off, and to run twice.

    Raises Refused while processes work there.
    """

    def batches(tally: Tally) -> Iterator[None]:
        before = 0
        while (way := run.next_way(store)) is not None:
            looked_at = 0
            for looked_at in run.walk(store, way):
                tally.changed = min(before + looked_at, planned.matched)
                yield
            before += looked_at
        tally.changed = planned.matched

    words = f"namespace {store.namespace} to layout {LAYOUT}"
    return bulk.audited(store, "migrate", words, Tally(planned.matched), batches)
