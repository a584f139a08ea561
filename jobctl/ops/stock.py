"""What stock Dramatiq workers left dead is taken in before anybody looks at dead letters, or at least counted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jobctl.store import Store

TAKEN_FOR_A_LOOK = 10_000
"""Stock dead letters that a command which only looks takes in: it has to answer soon."""


@dataclass(frozen=True, slots=True)
class Inbox:
    """`left` dead letters lie in stock inboxes still."""

    taken: int
    left: int


def take_in(store: Store, queues: Iterable[str], *, write: bool, limit: int | None = TAKEN_FOR_A_LOOK) -> Inbox:
    """Take in the stock dead letters of queues, at most `limit`; without `write` they are only counted."""
    taken = left = 0
    for queue in queues:
        waiting = store.stock.count_dead(queue)
        if waiting and write and (limit is None or taken < limit):
            came = store.stock.take_dead(queue, None if limit is None else limit - taken)
            taken += came
            waiting = store.stock.count_dead(queue)
        left += waiting
    return Inbox(taken, left)
