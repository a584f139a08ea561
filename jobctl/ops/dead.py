"""Dead letters, looked at: listed, grouped, and read from the smallest index that holds what a filter wants."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain, islice
from typing import TYPE_CHECKING

import msgspec

from jobctl.errors import NothingMatched
from jobctl.ops.bulk import BATCH, Scope
from jobctl.ops.filters import Filter
from jobctl.store.data.records import DeadGroup, DeadLetter
from jobctl.store.nouns.dead import to_letter

if TYPE_CHECKING:
    from jobctl.store import Store
    from jobctl.store.data.found import Found

FEW_GROUPS = 50
"""With more groups than these, the queue's own index is walked rather than each group's."""


def ls(store: Store, scope: Scope, limit: int, *, stock: bool = False, unredacted: bool = False) -> list[DeadLetter]:
    """The latest dead letters, at most `limit`. With `stock`, those in a stock inbox are shown and left there.

    `unredacted` leaves payloads as they are, for the filter too.
    """
    rows: list[DeadLetter] = []
    for queue in scope.queues:
        sources = [*_sources(store, queue, scope.filter), iter([_inbox(store, queue, limit)] if stock else ())]
        for source in sources:
            letters = (to_letter(found, unredacted=unredacted) for found in chain.from_iterable(source))
            rows += islice((letter for letter in letters if _matches(scope.filter, letter)), limit)
    return sorted(rows, key=lambda row: row.died_at, reverse=True)[:limit]


def show(
    store: Store, queues: Iterable[str], ids: Iterable[str], *, stock: bool = False, unredacted: bool = False
) -> list[DeadLetter]:
    """Dead letters by their ids, those that are there. Raises NothingMatched if none is, saying what became of it, or
    Ambiguous for an id that several of the queues have."""
    names, wanted = list(queues), list(dict.fromkeys(ids))
    found = {job_id: store.jobs.find(job_id, names) for job_id in wanted}
    if stock:
        inbox = {f.id: f for name in names for f in _inbox(store, name, INBOX_SHOWN)}
        found = {job_id: known or inbox.get(job_id) for job_id, known in found.items()}
    dead = [f for f in found.values() if f is not None and f.state == "dead"]
    letters = [to_letter(f if f.attempts else store.jobs.detailed(f), unredacted=unredacted) for f in dead]
    if letters:
        return letters
    other = next((f for f in found.values() if f is not None), None)
    if other is None:
        raise NothingMatched(f"no dead letter {wanted[0]}", "`jobctl dead ls` lists them")
    raise NothingMatched(f"job {other.id} is {other.state}, not dead", f"`jobctl job show {other.id}` shows it")


def groups(store: Store, scope: Scope, *, stock: bool = False) -> list[DeadGroup]:
    """The error groups with what matches of each, the largest first."""
    if by_index(scope.filter):
        rows = [row for queue in scope.queues for row in _indexed(store, queue, scope.filter)]
    else:
        rows = grouped(to_letter(found) for found in _matching(store, scope))
    if stock:
        inbox = (to_letter(f) for queue in scope.queues for f in _inbox(store, queue, INBOX_SHOWN))
        rows = _merged([*rows, *grouped(letter for letter in inbox if scope.filter.matches(letter))])
    return sorted(rows, key=lambda row: (-row.count, row.queue, row.group))


INBOX_SHOWN = 10_000
"""Letters of a stock inbox that are read at most when they may not be taken in."""


def by_index(wanted: Filter) -> bool:
    """Whether the indexes answer a filter, so that neither bodies nor records need to be read."""
    return replace(wanted, queue=(), job=(), group=(), since_ms=None, until_ms=None).is_empty


def _matching(store: Store, scope: Scope) -> Iterator[Found]:
    return chain.from_iterable(matching_batches(store, scope))


def matching_batches(store: Store, scope: Scope) -> Iterator[list[Found]]:
    wanted = scope.filter
    if wanted.ids:
        yield from _by_ids(store, scope, "dead")
        return
    for queue in scope.queues:
        for batch in chain.from_iterable(_sources(store, queue, wanted)):
            yield [found for found in batch if wanted.matches(to_letter(found))]


def _by_ids(store: Store, scope: Scope, state: str) -> Iterator[list[Found]]:
    ids = list(dict.fromkeys(scope.filter.ids))
    for start in range(0, len(ids), BATCH):
        found = [f for job_id in ids[start : start + BATCH] for f in store.jobs.find_all(job_id, scope.queues)]
        there = [f for f in found if f.state == state]
        yield [f for f in there if _matches(scope.filter, to_letter(f))]


def trashed_batches(store: Store, scope: Scope) -> Iterator[list[Found]]:
    """What lies in the trash; since: and until: are about when it got there."""
    timeless = replace(scope.filter, since_ms=None, until_ms=None)
    if timeless.ids:
        yield from _by_ids(store, replace(scope, filter=timeless), "discarded")
        return
    for queue in scope.queues:
        for batch in store.dead.trash(queue, since_ms=scope.filter.since_ms, until_ms=scope.filter.until_ms):
            yield [found for found in batch if timeless.matches(to_letter(found))]


def _sources(store: Store, queue: str, wanted: Filter) -> list[Iterator[list[Found]]]:
    """Letters that may match, from the smallest indexes that hold them all, each newest first."""
    since, until = wanted.since_ms, wanted.until_ms
    if wanted.ids:
        return [_by_ids(store, Scope((queue,), Filter(ids=wanted.ids), ""), "dead")]
    names: list[str] | None = None
    if wanted.group or wanted.job:
        only = Filter(job=wanted.job, group=wanted.group)
        names = [row.group for row in store.dead.groups(queue) if only.matches(row)]
    if names is None or len(names) > FEW_GROUPS:
        return [store.dead.scan(queue, since_ms=since, until_ms=until)]
    return [store.dead.scan(queue, group=name, since_ms=since, until_ms=until) for name in names]


def _matches(wanted: Filter, letter: DeadLetter) -> bool:
    """Ids are looked up rather than compared: a stock message found by its own id is kept under another one."""
    return replace(wanted, ids=()).matches(letter)


def _indexed(store: Store, queue: str, wanted: Filter) -> list[DeadGroup]:
    named = Filter(job=wanted.job, group=wanted.group)
    rows = store.dead.groups(queue, since_ms=wanted.since_ms, until_ms=wanted.until_ms)
    return [row for row in rows if named.matches(row)]


def _inbox(store: Store, queue: str, limit: int) -> list[Found]:
    return store.stock.peek_dead(queue, limit)


def grouped(letters: Iterator[DeadLetter]) -> list[DeadGroup]:
    """The groups of letters, counted as they come."""
    return _merged(
        DeadGroup(
            group=letter.group,
            queue=letter.queue,
            type=letter.type,
            error=letter.error,
            message=letter.message,
            count=1,
            first_died_at=letter.died_at,
            last_died_at=letter.died_at,
        )
        for letter in letters
    )


def _merged(rows: Iterable[DeadGroup]) -> list[DeadGroup]:
    """Rows of the same group of the same queue as one; memory grows with the groups only."""
    out: dict[tuple[str, str], DeadGroup] = {}
    for row in rows:
        key = (row.queue, row.group)
        known = out.get(key)
        if known is not None:
            firsts = [at for at in (known.first_died_at, row.first_died_at) if at]
            lasts = [at for at in (known.last_died_at, row.last_died_at) if at]
            row = msgspec.structs.replace(
                known,
                count=known.count + row.count,
                first_died_at=min(firsts, default=None),
                last_died_at=max(lasts, default=None),
            )
        out[key] = row
    return list(out.values())
