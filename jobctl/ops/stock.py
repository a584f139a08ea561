"""What stock Dramatiq workers left dead is taken in before anyone looks at dead letters, or at least counted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobctl.errors import RedisForbidden
from jobctl.store.nouns.stock import BATCH

if TYPE_CHECKING:
    from jobctl.store import Store

TAKEN_FOR_A_LOOK = 10_000
"""Stock dead letters that a command which only looks takes in: it has to answer soon."""


@dataclass(frozen=True, slots=True)
class Inbox:
    """`left` dead letters are still in stock inboxes."""

    taken: int
    left: int


def take_in(store: Store, queues: Iterable[str], *, write: bool, limit: int | None = TAKEN_FOR_A_LOOK) -> Inbox:
    """Take in the stock dead letters of queues, at most `limit`; they are only counted without `write`, or where the
    Redis user may not write."""
    taken = left = 0
    for queue, waiting in store.stock.counts_dead(list(queues)):
        if waiting and write and (limit is None or taken < limit):
            try:
                taken += _take(store, queue, waiting if limit is None else limit - taken)
            except RedisForbidden:
                write = False
            waiting = store.stock.count_dead(queue)
        left += waiting
    return Inbox(taken, left)


def _take(store: Store, queue: str, limit: int) -> int:
    """Take in at most `limit` letters of a queue; returns how many."""
    taken = 0
    while taken < limit:
        batch = store.stock.take_dead(queue, min(BATCH, limit - taken))
        taken += batch.taken
        if not batch.more:
            break
    return taken
