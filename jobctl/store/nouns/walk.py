"""Walking through a sorted set while others take out of it and put into it."""

from __future__ import annotations

from collections.abc import Iterator

from jobctl.store.data import ids
from jobctl.store.wire.connection import mapping
from jobctl.store.wire.namespace import Namespace

PAGE = 500
MOST_ALIKE = 4 * PAGE
"""Of more members with the same score than these, and of those below, the order is not kept."""


def walk_down(
    store: Namespace, key: str, low: str = "-inf", high: str = "+inf", *, page: int = PAGE
) -> Iterator[list[str]]:
    """The members of a sorted set within bounds as ZRANGEBYSCORE takes them, highest first, in pages.

    The upper bound moves down with each page, so a walk misses nothing that stays, whatever leaves meanwhile; of
    members with the same score, those already seen are not given again.
    """
    seen: set[str] = set()
    while True:
        with mapping():
            rows = store.client.zrevrangebyscore(key, high, low, start=0, num=page + len(seen), withscores=True)
        fresh = [(member, score) for raw, score in rows if (member := ids.read(raw)) not in seen]
        if not fresh:
            return
        last = fresh[-1][1]
        seen = {member for member, score in fresh if score == last} | (seen if high == repr(last) else set())
        high = repr(last)
        yield [member for member, _ in fresh]
        if len(seen) > MOST_ALIKE:
            yield from _rest(store, key, low, last, seen)
            return


def _rest(store: Namespace, key: str, low: str, high: float, seen: set[str]) -> Iterator[list[str]]:
    """What is not above a score, but for `seen`, in no order: each page would have to read all that are alike."""
    floor = float(low.removeprefix("("))
    cursor = -1
    while cursor != 0:
        with mapping():
            cursor, rows = store.client.zscan(key, max(cursor, 0), count=PAGE)
        some = {ids.read(raw) for raw, score in rows if floor <= score <= high} - seen
        seen |= some
        if some:
            yield list(some)
