"""Dead letters, looked at: listed, grouped, and read from the smallest index that holds what a filter wants."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from heapq import nlargest
from itertools import islice
from typing import TYPE_CHECKING

import msgspec

from jobctl.errors import NothingMatched
from jobctl.ops import counting, tallies
from jobctl.ops.bulk.selection import Selection, matching
from jobctl.ops.counting import Counted
from jobctl.ops.filters.filter import Filter
from jobctl.ops.filters.subjects import of_group, select
from jobctl.ops.sources import Looked, by_value, located, sources
from jobctl.ops.sources import count as count_in
from jobctl.store.data.records import DeadGroup, DeadLetter
from jobctl.store.nouns import few
from jobctl.store.nouns.dead import to_letter

if TYPE_CHECKING:
    from jobctl.store import Store
    from jobctl.store.data.found import Found


def ls(
    store: Store,
    selection: Selection,
    limit: int | None,
    *,
    stock: bool = False,
    looked: Looked | None = None,
    unredacted: bool = False,
) -> Iterable[DeadLetter]:
    """The `limit` latest dead letters, the latest first; without a limit all of them, queue by queue, as they are
    found. With `stock`, those in a stock inbox are shown and left there.

    `unredacted` leaves payloads as they are, for the filter too.
    """
    found = _each(store, selection, limit, stock, looked or Looked(), unredacted)
    return found if limit is None else nlargest(limit, found, key=lambda row: row.died_at)


def _each(
    store: Store, selection: Selection, limit: int | None, stock: bool, looked: Looked, unredacted: bool
) -> Iterator[DeadLetter]:
    """Every dead letter that matches, once; of each source, which gives its newest first, `limit` at most."""
    for found in each_found(store, selection, limit, stock=stock, looked=looked, unredacted=unredacted):
        yield to_letter(found, unredacted=unredacted)


def each_found(
    store: Store, selection: Selection, limit: int | None, *, stock: bool, looked: Looked, unredacted: bool
) -> Iterator[Found]:
    """The same dead letters, as they are in Redis."""
    wanted = selection.ids or selection.filter.ids
    named: dict[str, list[tuple[str, Found]]] = {}
    for asked, job in ((i, job) for i in wanted or () for job in store.jobs.find_all(i, selection.queues)):
        named.setdefault(job.queue, []).append((asked, job))
    by_key = by_value(store, selection.queues, selection.filter, unredacted=unredacted) if wanted is None else None
    together = wanted is None and by_key is None and not stock
    holding = store.queues.holding(selection.queues, "dead")
    while some := list(islice(holding, few.QUEUES)):
        small = few.read(store, some, ["dead"]) if together else {}
        for queue in some:
            looked.place = f"dead letters of queue {queue}"
            seen: set[str] = set()  # a letter that is taken in, or dies again, meanwhile is found twice
            indexed = None if by_key is None else by_key.get(queue, [])
            of_queue: Iterable[Asked] = [((None, page) for page in small.get(queue, ()))]
            if queue not in small:
                of_queue = _sources(store, queue, selection.filter, stock, wanted, named.get(queue, ()), indexed)
            for source in of_queue:
                found = _of_source(store, source, selection.filter, looked, seen, unredacted)
                yield from islice(found, limit if indexed is None else None)


Asked = Iterable[tuple[str | None, list["Found"]]]
"""Batches of letters; with the id by which they were looked up, if they were."""


def _sources(
    store: Store,
    queue: str,
    wanted: Filter,
    stock: bool,
    ids: Sequence[str] | None,
    named: Iterable[tuple[str, Found]],
    indexed: Sequence[str] | None,
) -> Iterator[Asked]:
    """Letters of a queue that may match, each source newest first, but for those that an index of payload values names
    (`indexed`). The inbox comes before what its letters go to."""
    if stock and ids is not None:
        yield ((asked, store.stock.find_dead(queue, [asked])) for asked in ids)
    elif stock:
        yield ((None, page) for page in store.stock.scan_dead(queue))
    if ids is not None:
        yield ((asked, [job]) for asked, job in named if job.state == "dead")
    elif indexed is not None:
        yield ((None, [job for job in page if job.state == "dead"]) for page in located(store, queue, indexed))
    else:
        yield from (((None, page) for page in source) for source in sources(store, queue, "dead", wanted))


def _of_source(
    store: Store, source: Asked, wanted: Filter, looked: Looked, seen: set[str], unredacted: bool
) -> Iterator[Found]:
    for asked, batch in source:
        looked.jobs += len(batch)
        fresh = list({found.id: found for found in batch if found.id not in seen}.values())
        for found, _ in select(store, wanted, fresh, asked=asked, unredacted=unredacted):
            seen.add(found.id)
            yield found


def count(
    store: Store, selection: Selection, by: str, *, stock: bool, looked: Looked, unredacted: bool = False
) -> Counted:
    """Dead letters that match, counted by what they have: from the indexes alone where these tell it."""
    if by in counting.OF_GROUPS and selection.by_index and not stock:
        return counting.count_groups(groups(store, selection), by)
    if by.startswith("args.") and not stock and not selection.ids and selection.limit is None:
        of_types: Counter[str] = Counter()
        for row in groups(store, selection) if tallies.serves(selection.filter) else ():
            of_types[row.type] += row.count
        by_index = tallies.count(store, selection.queues, selection.filter, by.removeprefix("args."), of_types)
        if by_index is not None:
            return by_index
    counted = Counted(by)
    if counting.by_look(selection.filter, by) and not stock and not selection.ids and selection.limit is None:
        by_key = by_value(store, selection.queues, selection.filter, unredacted=unredacted)
        for queue in store.queues.holding(selection.queues, "dead") if by_key is None else ():
            count_in(store, queue, ["dead"], selection.filter, counted, looked, unredacted=unredacted)
        if by_key is None:
            return counted
    found = each_found(store, selection, None, stock=stock, looked=looked, unredacted=unredacted)
    counting.count_jobs(store, found, counted)
    return counted


def show(
    store: Store, queues: Iterable[str], ids: Iterable[str], *, stock: bool = False, unredacted: bool = False
) -> list[DeadLetter]:
    """Dead letters by their ids, those that are there. Raises NothingMatched if none is, saying what became of it, or
    Ambiguous for an id that several of the queues have."""
    names, wanted = list(queues), list(dict.fromkeys(ids))
    found = {job_id: store.jobs.find(job_id, names) for job_id in wanted}
    if stock:
        inbox = {f.id: f for name in names for f in store.stock.find_dead(name, wanted)}
        found = {job_id: known or inbox.get(job_id) for job_id, known in found.items()}
    dead = [f for f in found.values() if f is not None and f.state == "dead"]
    letters = [to_letter(f if f.attempts else store.jobs.detailed(f), unredacted=unredacted) for f in dead]
    if letters:
        return letters
    other = next((f for f in found.values() if f is not None), None)
    if other is None:
        if any(store.dead.has_group(name, wanted[0]) for name in names):
            raise NothingMatched(
                f"{wanted[0]} is a group", f"`jobctl dead ls group:{wanted[0]}` lists its dead letters"
            )
        raise NothingMatched(f"no dead letter {wanted[0]}", "`jobctl dead ls` lists them")
    raise NothingMatched(f"job {other.id} is {other.state}, not dead", f"`jobctl job show {other.id}` shows it")


def groups(store: Store, selection: Selection, *, stock: bool = False) -> list[DeadGroup]:
    """The error groups with what matches of each, the largest first."""
    inbox: list[DeadGroup] = []
    if stock:
        pages = (page for queue in selection.queues for page in store.stock.scan_dead(queue))
        inbox = grouped(
            to_letter(found)
            for page in pages
            for found, _ in select(store, selection.filter, page, unredacted=selection.unredacted)
        )
    if selection.by_index:
        rows = [
            row
            for queue in store.queues.holding(selection.queues, "dead")
            for row in _indexed(store, queue, selection.filter)
        ]
    else:
        rows = grouped(map(to_letter, matching(store, replace(selection, states=("dead",)))))
    return sorted(_merged([*rows, *inbox]), key=lambda row: (-row.count, row.queue, row.group))


def _indexed(store: Store, queue: str, wanted: Filter) -> list[DeadGroup]:
    since, until = wanted.span
    return [
        row
        for row in store.dead.groups(queue, since_ms=since, until_ms=until)
        if wanted.judge(of_group(row)) is not False
    ]


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
