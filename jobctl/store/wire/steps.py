"""Script calls that go through many rows: in pieces of bounded size, and on from where a call's budget ended.

A script that does so takes its rows last, and answers first with how many of them it went through, at least one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

import msgspec

from jobctl.errors import OperationFailed
from jobctl.store.wire import pace
from jobctl.store.wire.namespace import Namespace
from jobctl.store.wire.script import Argument

BATCH = pace.MOST
"""Rows in one call, at most."""
BUG = "this is a bug of jobctl: report it with this line"
TOGETHER = 100
"""Rows of all calls in one round trip, unless there is one call."""
MAX_BYTES = 250_000
"""Bytes of rows in one call, unless a single one is larger."""


class Rows(msgspec.Struct, frozen=True):
    """What a script is to go through in one queue: the arguments before the rows, and the rows. `like` tells rows that
    cost alike from those of other calls, where the caller knows: the job types, for instance."""

    script: str
    queue: str
    head: tuple[Argument, ...]
    rows: Sequence[tuple[Argument, ...]]
    like: str = ""

    @property
    def pace(self) -> pace.Key:
        return self.script, self.queue, self.like


def each(store: Namespace, work: Rows) -> list[Any]:
    """Run a script over its rows; what it answers for each of them, in their order."""
    return [value for _, _, values in walk(store, work) for value in values]


def walk(store: Namespace, work: Rows) -> Iterator[tuple[int, int, list[Any]]]:
    """Run a script over its rows. After each call: the place of its first row, how many it went through, and the rest
    of its answer. A script that refuses its rows answers with less than 0, and why: that is the last call."""
    done = 0
    while done < len(work.rows):
        count, args = _piece(store, work, done)
        reached, *values = store.run(work.script, work.queue, *work.head, *args)
        if reached < 0:
            yield done, reached, values
            return
        _learn(store, work, count, reached)
        yield done, reached, values
        done += reached


def run(store: Namespace, works: Sequence[Rows]) -> list[list[tuple[int, list[Any]]]]:
    """Run scripts over their rows, small ones together in one round trip. For each: (the place of a call's first row,
    its answer without the count). Every call is atomic by itself; so are all that went before one that fails."""
    done, out = [0] * len(works), [[] for _ in works]  # type: ignore[var-annotated]
    left = [i for i, work in enumerate(works) if work.rows]
    while left:
        trip = _trip(works, done, left)
        pieces = [_piece(store, works[i], done[i]) for i in trip]
        calls = [
            store.call(works[i].script, works[i].queue, *works[i].head, *args)
            for i, (_, args) in zip(trip, pieces, strict=True)
        ]
        for i, (count, _), (reached, *values) in zip(trip, pieces, store.run_many(calls), strict=True):
            _learn(store, works[i], count, reached)
            out[i].append((done[i], values))
            done[i] += reached
        left = [i for i in left if done[i] < len(works[i].rows)]
    return out


def _trip(works: Sequence[Rows], done: Sequence[int], left: Sequence[int]) -> list[int]:
    """Those of the works that go into the next round trip. Redis runs what comes in one without a look at others."""
    trip, rows = [left[0]], len(works[left[0]].rows) - done[left[0]]
    for i in left[1:]:
        rows += len(works[i].rows) - done[i]
        if rows > TOGETHER:
            break
        trip.append(i)
    return trip


def named(work: Rows, replies: Sequence[tuple[int, list[Any]]]) -> list[tuple[Argument, ...]]:
    """The rows whose places (from 0, in their call) a script answered with."""
    return [work.rows[start + place] for start, places in replies for place in places]


def _learn(store: Namespace, work: Rows, sent: int, reached: int) -> None:
    """Raises OperationFailed for a script that went through no row: it would be called for ever."""
    if not 0 < reached <= sent:
        raise OperationFailed(f"{work.script}.lua went through {reached} of {sent} rows of queue {work.queue}", BUG)
    store.pace.learn(work.pace, sent, reached)


def _piece(store: Namespace, work: Rows, start: int) -> tuple[int, tuple[Argument, ...]]:
    """How many rows the next call takes, and their arguments."""
    piece = work.rows[start : start + store.pace.rows(work.pace)]
    parts = tuple(chain.from_iterable(piece))
    if _size(parts) <= MAX_BYTES:
        return len(piece), parts
    size, end = _size(piece[0]), 1
    for row in piece[1:]:
        size += _size(row)
        if size > MAX_BYTES:
            break
        end += 1
    return end, tuple(chain.from_iterable(piece[:end]))


def _size(parts: tuple[Argument, ...]) -> int:
    """Bytes of texts, about: characters count as one; numbers count nothing."""
    try:
        return sum(map(len, parts))  # type: ignore[arg-type]  # most rows have no number: this is fast
    except TypeError:
        return sum(len(part) for part in parts if isinstance(part, str | bytes))
