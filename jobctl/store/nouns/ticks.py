"""What became of ticks: the history of each schedule, and the jobs whose end is still to be noted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from heapq import merge
from typing import TYPE_CHECKING

import msgspec

from jobctl.store.nouns.renames import roots
from jobctl.store.wire.connection import mapping

if TYPE_CHECKING:
    from jobctl.store.wire.namespace import Namespace

FIRST_ROWS, MORE_ROWS = 1_000, 100
"""Rows that are read of several schedules at first, and then of each."""
MOST_OPEN = 100
"""Jobs of one schedule that are looked at together."""


class TickRow(msgspec.Struct, frozen=True, rename={"due_ms": "due"}):
    """What became of a tick. Times are epoch ms.

    `what`: enqueued, missed, skipped, queued, paused, held. `how` it came about: tick, caught_up, queued, backfill,
    hand. `state` is that in which its job ended: completed, dead, cancelled; gone if it was removed before anyone
    looked.
    """

    due_ms: int
    what: str
    how: str
    at: int
    why: str | None = None
    job: str | None = None
    queue: str | None = None
    state: str | None = None
    started: int | None = None
    ended: int | None = None


class OpenTick(msgspec.Struct, frozen=True):
    """A tick whose job had not ended when it was last looked at."""

    schedule: str
    due_ms: int
    queue: str
    job: str


class Ticks:
    """The history of a namespace's schedules."""

    def __init__(self, store: Namespace) -> None:
        self._store = store

    def history(
        self, schedule: str, *, before_ms: int | None = None, since_ms: int | None = None, limit: int
    ) -> list[TickRow]:
        """The latest rows, newest first; those of `before_ms` and `since_ms` themselves are among them."""
        newest, oldest = "+inf" if before_ms is None else before_ms, "-inf" if since_ms is None else since_ms
        root = roots(self._store, [schedule])[schedule]
        with mapping():
            found = self._store.client.zrange(
                self._store.keys.history(root), newest, oldest,
                desc=True, byscore=True, offset=0, num=limit,
            )  # fmt: skip
        return [_row(member) for member in found]

    def newest_first(
        self, schedules: Iterable[str], *, before_ms: int | None = None, since_ms: int | None = None
    ) -> Iterator[tuple[str, TickRow]]:
        """The rows of several schedules together, each with its schedule's name, newest first; those of `before_ms` and
        `since_ms` themselves are among them. Reads as far as it is asked for more."""
        kept = roots(self._store, schedules)
        newest, oldest = "+inf" if before_ms is None else before_ms, "-inf" if since_ms is None else since_ms
        count = max(1, FIRST_ROWS // max(1, len(kept)))
        with mapping():
            pipe = self._store.client.pipeline(transaction=False)
            for root in kept.values():
                key = self._store.keys.history(root)
                pipe.zrange(key, newest, oldest, desc=True, byscore=True, offset=0, num=count)
            pages = pipe.execute()
        each = [
            self._onwards(name, root, [_row(member) for member in page], oldest, count)
            for (name, root), page in zip(kept.items(), pages, strict=True)
            if page
        ]
        return merge(*each, key=lambda pair: -pair[1].due_ms)

    def _onwards(
        self, name: str, root: str, rows: list[TickRow], oldest: int | str, count: int
    ) -> Iterator[tuple[str, TickRow]]:
        """The rows of one schedule, of which the first `count` are known."""
        newest, offset = rows[0].due_ms, 0
        while rows:
            yield from ((name, row) for row in rows)
            if len(rows) < count:
                return
            offset, count = offset + len(rows), MORE_ROWS
            with mapping():
                found = self._store.client.zrange(
                    self._store.keys.history(root), newest, oldest, desc=True, byscore=True, offset=offset, num=count
                )
            rows = [_row(member) for member in found]

    def latest(self, schedules: Sequence[str]) -> dict[str, TickRow]:
        """The newest row of each that has one."""
        kept = roots(self._store, schedules)
        with mapping():
            pipe = self._store.client.pipeline(transaction=False)
            for name in schedules:
                pipe.zrange(self._store.keys.history(kept[name]), 0, 0, desc=True)
            found = pipe.execute()
        return {name: _row(rows[0]) for name, rows in zip(schedules, found, strict=True) if rows}

    def counts(self, schedules: Sequence[str]) -> dict[str, int]:
        """How many rows each has."""
        kept = roots(self._store, schedules)
        with mapping():
            pipe = self._store.client.pipeline(transaction=False)
            for name in schedules:
                pipe.zcard(self._store.keys.history(kept[name]))
            return dict(zip(schedules, pipe.execute(), strict=True))

    def busy(self) -> list[str]:
        """The schedules that have jobs whose end is to be noted, or ticks that wait for one: each by the name under
        which it is kept, as the next two name and expect them."""
        with mapping():
            return sorted(name.decode() for name in self._store.client.smembers(self._store.keys.open_ticks()))

    def open(self, schedules: Iterable[str]) -> tuple[list[OpenTick], dict[str, int]]:
        """The oldest jobs of each whose end is to be noted, and the first tick of each that waits for one."""
        names = list(schedules)
        with mapping():
            pipe = self._store.client.pipeline(transaction=False)
            for name in names:
                pipe.zrange(self._store.keys.open_ticks_of(name), 0, MOST_OPEN - 1, withscores=True)
                pipe.zrange(self._store.keys.queued_ticks_of(name), 0, 0)
            found = pipe.execute()
        jobs = [
            OpenTick(name, int(due), *member.decode().split(" ", 1))
            for name, rows in zip(names, found[::2], strict=True)
            for member, due in rows
        ]
        return jobs, {name: int(rows[0]) for name, rows in zip(names, found[1::2], strict=True) if rows}

    def each_open(self, schedule: str) -> Iterator[list[OpenTick]]:
        """All jobs of a schedule whose end is to be noted, about MOST_OPEN at a time; one may come twice."""
        key, cursor = self._store.keys.open_ticks_of(schedule), 0
        while True:
            with mapping():
                cursor, rows = self._store.client.zscan(key, cursor, count=MOST_OPEN)
            yield [OpenTick(schedule, int(due), *member.decode().split(" ", 1)) for member, due in rows]
            if not cursor:
                return

    def how(self, jobs: Sequence[OpenTick]) -> dict[OpenTick, str]:
        """How the ticks of jobs came about; without those that the history no longer has."""
        with mapping():
            pipe = self._store.client.pipeline(transaction=False)
            for one in jobs:
                pipe.zrange(self._store.keys.history(one.schedule), one.due_ms, one.due_ms, byscore=True)
            found = pipe.execute()
        rows = [(one, _row(member)) for one, members in zip(jobs, found, strict=True) for member in members]
        return {one: row.how for one, row in rows if row.job == one.job}

    def settle(
        self,
        tick: OpenTick,
        state: str,
        started_ms: int | None,
        ended_ms: int | None,
        *,
        most: int = 0,
        pause: str = "",
    ) -> tuple[bool, bool]:
        """Note how a tick's job has ended. After `most` failures in a row (0: any number) the schedule is paused, with
        `pause` (see SchedulePause.text). Returns whether this call noted it, and whether it paused the schedule."""
        times = ("" if started_ms is None else started_ms, "" if ended_ms is None else ended_ms)
        head = (tick.schedule, tick.due_ms, tick.queue, tick.job, state)
        noted, _, paused = self._store.run("settle_tick", (), *head, *times, most, pause)
        return bool(noted), bool(paused)


def _row(member: bytes) -> TickRow:
    return msgspec.json.decode(member[1:], type=TickRow)
