"""Dead letters, looked at: listed, grouped, and read from the smallest index that holds what a filter wants."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from heapq import nlargest
from itertools import chain, islice
from typing import TYPE_CHECKING

import msgspec

from jobctl.errors import NothingMatched
from jobctl.ops.bulk.selection import Selection, dead_sources, matching
from jobctl.ops.filters import Filter
from jobctl.ops.jobs import Looked
from jobctl.store.data.records import DeadGroup, DeadLetter
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
    wanted = tuple(dict.fromkeys((*selection.ids, *selection.filter.ids)))
    named: dict[str, list[Found]] = {}
    for job in (job for i in wanted for job in store.jobs.find_all(i, selection.queues)):
        named.setdefault(job.queue, []).append(job)
    for queue in store.queues.holding(selection.queues, "dead"):
        looked.place = f"dead letters of queue {queue}"
        seen: set[str] = set()  # a letter that is taken in, or dies again, meanwhile is found twice
        for source in _sources(store, queue, selection.filter, stock, wanted, named.get(queue, ())):
            yield from islice(_of_source(source, selection.filter, looked, seen, unredacted), limit)


def _sources(
    store: Store, queue: str, wanted: Filter, stock: bool, ids: Sequence[str], named: Iterable[Found]
) -> Iterator[Iterable[Found]]:
    """Letters of a queue that may match, each source newest first. The inbox comes before what its letters go to."""
    if stock:
        yield store.stock.find_dead(queue, ids) if ids else chain.from_iterable(store.stock.scan_dead(queue))
    if ids:
        yield (job for job in named if job.state == "dead")
    else:
        yield from (chain.from_iterable(source) for source in dead_sources(store, queue, wanted))


def _of_source(
    source: Iterable[Found], wanted: Filter, looked: Looked, seen: set[str], unredacted: bool
) -> Iterator[DeadLetter]:
    for found in source:
        looked.jobs += 1
        letter = to_letter(found, unredacted=unredacted)
        if found.id not in seen and _matches(wanted, letter):
            seen.add(found.id)
            yield letter


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
        letters = (
            to_letter(f, unredacted=selection.unredacted)
            for queue in selection.queues
            for page in store.stock.scan_dead(queue)
            for f in page
        )
        inbox = grouped(letter for letter in letters if selection.filter.matches(letter))
    if selection.by_index:
        rows = [
            row
            for queue in store.queues.holding(selection.queues, "dead")
            for row in _indexed(store, queue, selection.filter)
        ]
    else:
        rows = grouped(map(to_letter, matching(store, replace(selection, states=("dead",)))))
    return sorted(_merged([*rows, *inbox]), key=lambda row: (-row.count, row.queue, row.group))


def _matches(wanted: Filter, letter: DeadLetter) -> bool:
    """Ids are looked up rather than compared: a stock message found by its own id is kept under another one."""
    return replace(wanted, ids=()).matches(letter)


def _indexed(store: Store, queue: str, wanted: Filter) -> list[DeadGroup]:
    named = Filter(job=wanted.job, group=wanted.group)
    rows = store.dead.groups(queue, since_ms=wanted.since_ms, until_ms=wanted.until_ms)
    return [row for row in rows if named.matches(row)]


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
