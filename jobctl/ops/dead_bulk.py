"""Dead letters, changed in bulk: retried, discarded to the trash, brought back from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from jobctl.ops import bulk
from jobctl.ops.bulk import BATCH, Scope, Tally
from jobctl.ops.dead import by_index, groups, matching_batches, trashed_batches
from jobctl.ops.filters import Filter
from jobctl.store.data import codec
from jobctl.store.data.records import BulkResult, Plan, PlanRow
from jobctl.store.nouns.dead import Moved, to_letter

if TYPE_CHECKING:
    from jobctl.store import Store
    from jobctl.store.data.found import Found

UNREADABLE = "Quarantined"
"""The error of letters whose bodies cannot be understood; each is looked at before it may run again."""
GROUPS_A_CALL = 64


def plan(store: Store, scope: Scope) -> tuple[Scope, Plan]:
    """What a retry or discard would touch, and the scope closed at this moment: what dies later is not touched."""
    _require_one_queue_each(store, scope)
    until = scope.filter.until_ms
    closed = replace(scope, filter=replace(scope.filter, until_ms=until or store.processes.now_ms() + 1))
    rows = [
        PlanRow(queue=row.queue, type=row.type, group=row.group, error=row.error, count=row.count)
        for row in groups(store, closed)
    ]
    return closed, Plan(matched=_matched(scope, rows), parts=tuple(rows))


def _require_one_queue_each(store: Store, scope: Scope) -> None:
    """Raise Ambiguous for an id that several of the queues have: which job is to be changed must be said."""
    for job_id in dict.fromkeys(scope.filter.ids):
        store.jobs.find(job_id, scope.queues)


def plan_restore(store: Store, scope: Scope) -> Plan:
    """What a restore would bring back from the trash."""
    _require_one_queue_each(store, scope)
    counts: dict[tuple[str, str, str, str | None], int] = {}
    for batch in trashed_batches(store, scope):
        for letter in map(to_letter, batch):
            key = (letter.queue, letter.type, letter.group, letter.error)
            counts[key] = counts.get(key, 0) + 1
    rows = [PlanRow(queue=q, type=t, group=g, error=e, count=n) for (q, t, g, e), n in counts.items()]
    rows.sort(key=lambda row: -row.count)
    return Plan(matched=_matched(scope, rows), parts=tuple(rows))


def _matched(scope: Scope, rows: list[PlanRow]) -> int:
    """Of ids that were given, those that are gone count too (as skipped), as long as one of them is there."""
    count = sum(row.count for row in rows)
    only_ids = replace(scope.filter, ids=(), until_ms=None).is_empty
    return len(set(scope.filter.ids)) if count and scope.filter.ids and only_ids else count


def retry(store: Store, scope: Scope, planned: Plan) -> Iterator[BulkResult]:
    """Make the planned letters wait again, in batches; yields the result so far. Safe to run twice, and by two."""

    def batches(tally: Tally) -> Iterator[None]:
        if not by_index(scope.filter):
            yield from _one_by_one(store, matching_batches(store, scope), _revive, tally)
            return
        readable = [row for row in planned.parts if row.error != UNREADABLE]
        yield from _by_groups(store, scope, readable, tally, revive=True)
        for row in planned.parts:
            if row.error == UNREADABLE:
                part = replace(scope, queues=(row.queue,), filter=replace(scope.filter, group=(row.group,)))
                yield from _one_by_one(store, matching_batches(store, part), _revive, tally)

    return bulk.audited(store, "dead retry", scope.words, Tally(planned.matched), batches)


def discard(store: Store, scope: Scope, planned: Plan) -> Iterator[BulkResult]:
    """Move the planned letters to the trash, in batches; yields the result so far."""

    def batches(tally: Tally) -> Iterator[None]:
        if by_index(scope.filter):
            yield from _by_groups(store, scope, list(planned.parts), tally, revive=False)
        else:
            yield from _one_by_one(store, matching_batches(store, scope), _discard, tally)

    return bulk.audited(store, "dead discard", scope.words, Tally(planned.matched), batches)


def restore(store: Store, scope: Scope, planned: Plan) -> Iterator[BulkResult]:
    """Bring the planned jobs back from the trash: letters are dead again, jobs of an emptied queue wait again."""

    def batches(tally: Tally) -> Iterator[None]:
        yield from _one_by_one(store, trashed_batches(store, scope), _restore, tally)

    return bulk.audited(store, "dead restore", scope.words, Tally(planned.matched), batches)


def _by_groups(store: Store, scope: Scope, rows: list[PlanRow], tally: Tally, *, revive: bool) -> Iterator[None]:
    """The fast way: scripts take ids from the groups' indexes; nothing of a letter comes here."""
    by_queue: dict[str, list[str]] = {}
    for row in rows:
        by_queue.setdefault(row.queue, []).append(row.group)
    for queue, names in by_queue.items():
        at = passed = 0
        while at < len(names) and tally.left > 0:
            some, limit = names[at : at + GROUPS_A_CALL], min(BATCH, tally.left)
            moved = _move(store, queue, some, limit, passed, scope.filter, revive=revive)
            tally.changed += moved.changed
            tally.failed += moved.failed
            at, passed = at + moved.groups_done, moved.passed
            yield


def _move(
    store: Store, queue: str, names: list[str], limit: int, passed: int, wanted: Filter, *, revive: bool
) -> Moved:
    since, until = wanted.since_ms, wanted.until_ms
    if revive:
        return store.dead.retry_groups(queue, names, limit=limit, passed=passed, since_ms=since, until_ms=until)
    return store.dead.discard_groups(queue, names, limit=limit, since_ms=since, until_ms=until)


Change = Callable[["Store", str, "list[Found]"], tuple[int, int]]
"""Changes jobs of one queue; returns how many it changed, and how many it could not handle."""


def _one_by_one(store: Store, batches: Iterator[list[Found]], change: Change, tally: Tally) -> Iterator[None]:
    """The way for what must be read first. A letter that cannot be handled is counted and passed over."""
    for batch in batches:
        by_queue: dict[str, list[Found]] = {}
        for found in batch[: max(0, tally.left)]:
            by_queue.setdefault(found.queue, []).append(found)
        for queue, letters in by_queue.items():
            changed, failed = change(store, queue, letters)
            tally.changed += changed
            tally.failed += failed
        yield
        if tally.left <= 0:
            return


def _revive(store: Store, queue: str, letters: list[Found]) -> tuple[int, int]:
    good = [found for found in letters if found.record.group and _is_readable(found)]
    done = store.jobs.revive(queue, [(found.id, found.record.group or "") for found in good]) if good else []
    return sum(done), len(letters) - len(good)


def _discard(store: Store, queue: str, letters: list[Found]) -> tuple[int, int]:
    good = [found for found in letters if found.record.group]
    done = store.dead.discard(queue, [(found.id, found.record.group or "") for found in good]) if good else []
    return sum(done), len(letters) - len(good)


def _restore(store: Store, queue: str, jobs: list[Found]) -> tuple[int, int]:
    return sum(store.dead.restore(queue, jobs)), 0


def _is_readable(found: Found) -> bool:
    """A body that a worker could not decode would only come back; a stock worker would drop others with it."""
    try:
        codec.decode_body(found.body)
    except ValueError:
        return False
    return True
