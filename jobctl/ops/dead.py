"""Dead letters, looked at: listed, grouped, and read from the smallest index that holds what a filter wants."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain, islice
from typing import TYPE_CHECKING

import msgspec

from jobctl.errors import NothingMatched
from jobctl.ops.bulk.selection import Selection, dead_sources, matching
from jobctl.ops.filters import Filter
from jobctl.store.data.records import DeadGroup, DeadLetter
from jobctl.store.nouns.dead import to_letter

if TYPE_CHECKING:
    from jobctl.store import Store
    from jobctl.store.data.found import Found


def ls(
    store: Store, selection: Selection, limit: int, *, stock: bool = False, unredacted: bool = False
) -> list[DeadLetter]:
    """The latest dead letters, at most `limit`. With `stock`, those in a stock inbox are shown and left there.

    `unredacted` leaves payloads as they are, for the filter too.
    """
    rows: list[DeadLetter] = []
    for source in _sources(store, selection, limit, stock=stock):
        letters = (to_letter(found, unredacted=unredacted) for found in source)
        rows += islice((letter for letter in letters if _matches(selection.filter, letter)), limit)
    return sorted(rows, key=lambda row: row.died_at, reverse=True)[:limit]


def _sources(store: Store, selection: Selection, limit: int, *, stock: bool) -> Iterator[Iterable[Found]]:
    """Letters that may match, each source newest first."""
    if ids := (*selection.ids, *selection.filter.ids):
        found = [job for i in dict.fromkeys(ids) for job in store.jobs.find_all(i, selection.queues)]
        yield (job for job in found if job.state == "dead")
    for queue in selection.queues:
        if not ids:
            yield from (chain.from_iterable(source) for source in dead_sources(store, queue, selection.filter))
        if stock:
            inbox = _inbox(store, queue, limit)
            yield [job for job in inbox if not ids or job.id in ids]


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


def groups(store: Store, selection: Selection, *, stock: bool = False) -> list[DeadGroup]:
    """The error groups with what matches of each, the largest first."""
    if selection.by_index:
        rows = [row for queue in selection.queues for row in _indexed(store, queue, selection.filter)]
    else:
        rows = grouped(map(to_letter, matching(store, replace(selection, states=("dead",)))))
    if stock:
        inbox = (to_letter(f) for queue in selection.queues for f in _inbox(store, queue, INBOX_SHOWN))
        rows = _merged([*rows, *grouped(letter for letter in inbox if selection.filter.matches(letter))])
    return sorted(rows, key=lambda row: (-row.count, row.queue, row.group))


INBOX_SHOWN = 10_000
"""Letters of a stock inbox that are read at most when they may not be taken in."""


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
