"""One page of jobs at a time, over many queues: the newest of a state, from where the page before ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from jobctl.store.data import ids
from jobctl.store.data.ids import minted_at
from jobctl.store.data.states import BY_NAME, Place
from jobctl.store.wire.connection import mapping

if TYPE_CHECKING:
    from jobctl.store.wire.namespace import Namespace

WINDOW = 2_000
"""Entries of a list or a hash that are looked at: those have no order by which a page could be found."""
ALIKE = 20
"""How often it is read on where very many members have the same score."""


class Entry(NamedTuple):
    """Where a job is in the order of a state: its time in epoch ms (when it died, is due, was enqueued, …), then its
    queue and id, all downwards."""

    at: float
    queue: str
    id: str


def newest(
    store: Namespace, queues: Sequence[str], state: str, below: Entry | None, count: int
) -> tuple[list[Entry], bool]:
    """The next `count` entries below one, highest first, and whether there are such as no page can reach: beyond the
    window of a list or a hash. One or two round trips, O(queues * count)."""
    found, unreached = [], False
    for place in BY_NAME[state].places:
        if place.kind == "set":
            found += list(_of_sets(store, queues, place, below, count))
        else:
            some, cut = _of_windows(store, queues, place)
            found += [entry for entry in some if below is None or entry < below]
            unreached = unreached or cut
    return sorted(set(found), reverse=True)[:count], unreached


def _of_sets(store: Namespace, queues: Sequence[str], place: Place, below: Entry | None, count: int) -> Iterator[Entry]:
    high, left, start = "+inf" if below is None else repr(below.at), list(queues), 0
    for _ in range(ALIKE):
        with mapping():
            pipe = store.client.pipeline(transaction=False)
            for queue in left:
                key = getattr(store.keys, place.key)(queue)
                pipe.zrevrangebyscore(key, high, "-inf", start=start, num=count, withscores=True)
            pages: list[Any] = pipe.execute() if left else []
        again = []
        for queue, page in zip(left, pages, strict=True):
            entries = [Entry(float(at), queue, ids.read(raw)) for raw, at in page]
            fit = [entry for entry in entries if below is None or entry < below]
            yield from fit
            if len(entries) == count and len(fit) < count:
                again.append(queue)  # the page before had members of the same score
        left, start = again, start + count
        if not left:
            return


def _of_windows(store: Namespace, queues: Sequence[str], place: Place) -> tuple[list[Entry], bool]:
    with mapping():
        pipe = store.client.pipeline(transaction=False)
        for queue in queues:
            key = getattr(store.keys, place.key)(queue)
            if place.kind == "list":
                pipe.lrange(key, -max(50, WINDOW // len(queues)) - 1, -1)
            else:
                pipe.hkeys(key)
        pages: list[Any] = pipe.execute() if queues else []
    most = max(50, WINDOW // max(1, len(queues)))
    cut = place.kind == "list" and any(len(page) > most for page in pages)
    return [
        Entry(float(minted_at(job_id) or 0), queue, job_id)
        for queue, page in zip(queues, pages, strict=True)
        for job_id in map(ids.read, page)
    ], cut
