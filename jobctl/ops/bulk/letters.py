"""The verbs of `jobctl dead`: retry, discard, restore."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from jobctl.errors import NothingMatched
from jobctl.ops.bulk.plan import Planned
from jobctl.ops.bulk.revive import lost, revived, unreadable
from jobctl.ops.bulk.run import BATCH, try_batch
from jobctl.ops.bulk.selection import matching
from jobctl.ops.bulk.verb import Tally, Tried, Verb
from jobctl.ops.filters.tree import Term
from jobctl.store.data.states import BY_NAME
from jobctl.store.nouns.dead import Moved

if TYPE_CHECKING:
    from jobctl.store import Store
    from jobctl.store.data.found import Found

UNREADABLE = "Quarantined"
"""The error of letters whose bodies cannot be understood; each is looked at before it may run again."""
GROUPS_A_CALL = 64
GROUPS = "`jobctl dead groups` shows what there is"


def retry() -> Verb:
    """Dead letters wait again, under their ids and with fresh retries."""

    def by_index(store: Store, planned: Planned, tally: Tally) -> Iterator[list[Tried]]:
        yield from _by_groups(store, planned, tally, _revive_groups, lambda error: error != UNREADABLE)
        yield from _one_by_one(store, planned, tally)

    return Verb(
        name="dead retry",
        does="retry",
        done="retried",
        outcome="waits again",
        noun="dead letter",
        states=("dead",),
        judge=lambda job: _not_in("dead", job) or unreadable(job),
        undo=True,
        change=revived,
        by_index=by_index,
        nothing=GROUPS,
    )


def discard() -> Verb:
    """Dead letters go to the trash, from which they can be restored until they expire."""

    def change(store: Store, queue: str, letters: list[Found]) -> list[bool]:
        return store.dead.discard(queue, [(found.id, found.record.group or "") for found in letters])

    return Verb(
        name="dead discard",
        does="discard",
        done="discarded",
        outcome="is in the trash",
        noun="dead letter",
        states=("dead",),
        judge=lambda job: _not_in("dead", job) or lost(job),
        undo=True,
        change=change,
        by_index=lambda store, planned, tally: _by_groups(store, planned, tally, _discard_groups, lambda _: True),
        nothing=GROUPS,
        hint="`jobctl dead restore`, with the same filter, brings them back within 7 days",
    )


def restore() -> Verb:
    """What is in the trash is dead again, or waits again if it came from an emptied queue."""
    return Verb(
        name="dead restore",
        does="restore",
        done="restored",
        outcome="is back from the trash",
        tail=" from the trash",
        none="nothing in the trash matched",
        states=("discarded",),
        judge=lambda job: _not_in("discarded", job),
        change=lambda store, queue, jobs: store.dead.restore(queue, jobs),
    )


def _not_in(state: str, job: Found) -> Tried | None:
    if job.state == state:
        return None
    where = "in the trash" if state == "discarded" else state
    said = f"job {job.id} {BY_NAME[job.state].does}, not {where}"
    return Tried(job.ref, said, error=NothingMatched(said, f"jobctl job show {job.id}"))


Move = Callable[["Store", "Planned", str, list[str], int, int], Moved]
"""Moves letters of some groups of a queue: at most so many, but for the first few of the first group."""


def _revive_groups(store: Store, planned: Planned, queue: str, names: list[str], limit: int, passed: int) -> Moved:
    since, until = planned.selection.filter.span
    return store.dead.retry_groups(queue, names, limit=limit, passed=passed, since_ms=since, until_ms=until)


def _discard_groups(store: Store, planned: Planned, queue: str, names: list[str], limit: int, _passed: int) -> Moved:
    since, until = planned.selection.filter.span
    return store.dead.discard_groups(queue, names, limit=limit, since_ms=since, until_ms=until)


def _by_groups(
    store: Store, planned: Planned, tally: Tally, move: Move, chosen: Callable[[str | None], bool]
) -> Iterator[list[Tried]]:
    """Scripts take ids from the groups' indexes; nothing of a letter comes here."""
    by_queue: dict[str, list[str]] = {}
    for row in planned.parts:
        if chosen(row.error):
            by_queue.setdefault(row.queue, []).append(row.group or "")
    for queue, names in by_queue.items():
        at = passed = 0
        while at < len(names) and tally.left > 0:
            moved = move(store, planned, queue, names[at : at + GROUPS_A_CALL], min(BATCH, tally.left), passed)
            tally.changed += moved.changed
            tally.failed += moved.failed
            at, passed = at + moved.groups_done, moved.passed
            yield []


def _one_by_one(store: Store, planned: Planned, tally: Tally) -> Iterator[list[Tried]]:
    """Those that have to be read before they may run again."""
    for row in planned.parts:
        if row.error == UNREADABLE:
            part = planned.selection.filter.also(Term("group", ":", row.group or ""))
            found = matching(store, replace(planned.selection, queues=(row.queue,), filter=part))
            ids = [job.id for job in found][: max(0, tally.left)]
            for start in range(0, len(ids), BATCH):
                tried = try_batch(store, retry(), row.queue, ids[start : start + BATCH])
                tally.count(tried)
                yield []
