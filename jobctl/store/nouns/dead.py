"""Dead letters: listed newest first, grouped by fingerprint, retried, discarded to a trash that expires, restored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import msgspec

from jobctl import clock
from jobctl.store.data import codec, ids
from jobctl.store.data.found import Found
from jobctl.store.data.records import DeadGroup, DeadLetter
from jobctl.store.nouns.jobs import Jobs
from jobctl.store.nouns.queues import TRASH_MS
from jobctl.store.nouns.shown import to_job
from jobctl.store.nouns.walk import walk_down
from jobctl.store.wire import steps
from jobctl.store.wire.connection import mapping
from jobctl.store.wire.script import Argument
from jobctl.store.wire.steps import Rows

if TYPE_CHECKING:
    from jobctl.store.wire.namespace import Namespace

PAGE = 500
LAST = 50
"""Dead letters of a queue whose groups are looked at as fresh."""


class GroupInfo(msgspec.Struct, frozen=True):
    """What all dead letters of a group have in common, with one example of the message."""

    type: str
    error: str | None
    message: str | None


class Moved(msgspec.Struct, frozen=True):
    """What one batch by groups did, and where the next one continues."""

    changed: int
    failed: int
    groups_done: int
    passed: int


class Dead:
    """The dead letters of a namespace."""

    def __init__(self, store: Namespace) -> None:
        self._store = store

    def scan(
        self, queue: str, *, group: str | None = None, since_ms: int | None = None, until_ms: int | None = None
    ) -> Iterator[list[Found]]:
        """The dead letters of a queue (or of one group of it) that died in a time span, newest first, in batches.

        `since_ms` belongs to the span, `until_ms` does not.
        """
        for page in self.ids(queue, group=group, since_ms=since_ms, until_ms=until_ms):
            yield [found for found in Jobs(self._store).locate(queue, page) if found.state == "dead"]

    def ids(
        self, queue: str, *, group: str | None = None, since_ms: int | None = None, until_ms: int | None = None
    ) -> Iterator[list[str]]:
        """The ids of the same dead letters, in the same order."""
        key = self._store.keys.group(queue, group) if group else self._store.keys.dead(queue)
        return walk_down(self._store, key, *_span(since_ms, until_ms))

    def latest(self, queue: str, groups: Sequence[str], count: int) -> list[list[str]]:
        """The ids of the latest dead letters of each group, so many of each."""
        pipe = self._store.client.pipeline(transaction=False)
        for group in groups:
            pipe.zrevrange(self._store.keys.group(queue, group), 0, count - 1)
        with mapping():
            return [[ids.read(raw) for raw in found] for found in (pipe.execute() if groups else ())]

    def trash(self, queue: str, *, since_ms: int | None = None, until_ms: int | None = None) -> Iterator[list[Found]]:
        """What was discarded, or emptied, from a queue in a time span and has not expired, latest first, in batches."""
        for page in self.trash_ids(queue, since_ms=since_ms, until_ms=until_ms):
            yield [found for found in Jobs(self._store).locate(queue, page) if found.state == "discarded"]

    def trash_ids(self, queue: str, *, since_ms: int | None = None, until_ms: int | None = None) -> Iterator[list[str]]:
        """The ids of the same, in the same order."""
        shifted = [moment if moment is None else moment + TRASH_MS for moment in (since_ms, until_ms)]
        return walk_down(self._store, self._store.keys.trash(queue), *_span(*shifted))

    def count(self, queue: str) -> int:
        with mapping():
            return int(self._store.client.zcard(self._store.keys.dead(queue)))

    def oldest(self, queues: Iterable[str]) -> datetime | None:
        """When the oldest dead letter of some queues died."""
        with mapping():
            pipe = self._store.client.pipeline(transaction=False)
            for queue in queues:
                pipe.zrange(self._store.keys.dead(queue), 0, 0, withscores=True)
            rows = [row for page in pipe.execute() for row in page]
        return clock.to_datetime(min(at for _, at in rows)) if rows else None

    def groups(self, queue: str, *, since_ms: int | None = None, until_ms: int | None = None) -> list[DeadGroup]:
        """The error groups of a queue with what died in a time span, the largest first. Reads the indexes alone."""
        rows = [row for page in self._groups(queue, *_span(since_ms, until_ms)) for row in page if row.count]
        return sorted(rows, key=lambda row: (-row.count, row.group))

    def histories(
        self, groups: Sequence[tuple[str, str]], edges: Sequence[int]
    ) -> list[tuple[tuple[int, ...], str | None]]:
        """For each (queue, group): how many of its dead letters died from each of the moments `edges` (epoch ms, in
        their order) to the next, and the id of the latest of all. Reads the indexes alone."""
        pipe, keys = self._store.client.pipeline(transaction=False), self._store.keys
        for queue, group in groups:
            key = keys.group(queue, group)
            pipe.zrevrange(key, 0, 0)
            for low, high in pairwise(edges):
                pipe.zcount(key, low, f"({high}")
        with mapping():
            replies = pipe.execute() if groups else []
        size = len(edges)
        rows = [replies[at : at + size] for at in range(0, len(replies), size)]
        return [(tuple(counts), ids.read(latest[0]) if latest else None) for latest, *counts in rows]

    def fresh(self, queues: Sequence[str], since_ms: int) -> list[tuple[DeadGroup, int]]:
        """The error groups of what died last in each queue since then, of at most LAST dead letters, and how many of
        each died since then."""
        keys, client, low = self._store.keys, self._store.client, str(since_ms)
        with mapping():
            pipe = client.pipeline(transaction=False)
            for queue in queues:
                pipe.zrevrangebyscore(keys.dead(queue), "+inf", low, start=0, num=LAST)
            latest = pipe.execute() if queues else []
            for queue, job_ids in zip(queues, latest, strict=True):
                if job_ids:
                    pipe.hmget(keys.records(queue), job_ids)
            records = pipe.execute()
        dying = [queue for queue, job_ids in zip(queues, latest, strict=True) if job_ids]
        out = []
        for queue, some in zip(dying, records, strict=True):
            names = sorted({group for record in some if (group := codec.decode_record(record or b"").group)})
            rows = self._of(queue, names, "-inf", "+inf")
            with mapping():
                for name in names:
                    pipe.zcount(keys.group(queue, name), low, "+inf")
                counts = pipe.execute()
            out += [(row, count) for row, count in zip(rows, counts, strict=True) if count]
        return out

    def named(self, queue: str, names: Sequence[str]) -> list[DeadGroup]:
        """These error groups of a queue, with all that died of them."""
        return self._of(queue, names, "-inf", "+inf")

    def _of(self, queue: str, names: Sequence[str], low: str, high: str) -> list[DeadGroup]:
        """These groups of a queue, with what died in a time span."""
        keys = self._store.keys
        pipe = self._store.client.pipeline(transaction=False)
        pipe.hmget(keys.groups(queue), [ids.write(name) for name in names])
        for name in names:
            key = keys.group(queue, name)
            pipe.zcount(key, low, high)
            pipe.zrangebyscore(key, low, high, start=0, num=1, withscores=True)
            pipe.zrevrangebyscore(key, high, low, start=0, num=1, withscores=True)
        with mapping():
            infos, *replies = pipe.execute()
        return [_group(queue, name, infos[i] or b"", replies[i * 3 : i * 3 + 3]) for i, name in enumerate(names)]

    def has_group(self, queue: str, name: str) -> bool:
        """Whether an error group of a queue has that name."""
        with mapping():
            return bool(self._store.client.hexists(self._store.keys.groups(queue), name))

    def _groups(self, queue: str, low: str, high: str) -> Iterator[list[DeadGroup]]:
        keys, client, seen = self._store.keys, self._store.client, set()
        cursor = -1
        while cursor != 0:
            with mapping():
                cursor, infos = client.hscan(keys.groups(queue), max(cursor, 0), count=PAGE)
            names = [name for raw in infos if (name := ids.read(raw)) not in seen]  # HSCAN may repeat itself
            seen.update(names)
            yield self._of(queue, names, low, high) if names else []

    def retry_groups(
        self, queue: str, groups: Sequence[str], *, limit: int, passed: int, since_ms: int | None, until_ms: int | None
    ) -> Moved:
        """Make at most `limit` dead letters of these groups wait again, the oldest first; bodies are not read here.

        `passed` is the `passed` of the batch before, for the first group.
        """
        span = _span(since_ms, until_ms)
        return Moved(
            *self._store.run(
                "revive", queue, queue, self._store.origin.operation, "groups", limit, *span, passed, *groups
            )
        )

    def discard_groups(
        self, queue: str, groups: Sequence[str], *, limit: int, since_ms: int | None, until_ms: int | None
    ) -> Moved:
        """Move at most `limit` dead letters of these groups to the trash, the oldest first."""
        span = _span(since_ms, until_ms)
        return Moved(*self._store.run("discard", queue, *self._trash(queue), "groups", limit, *span, *groups))

    def discard(self, queue: str, jobs: Sequence[tuple[str, str]]) -> list[bool]:
        """Move dead letters, given as (id, group), to the trash; False for those that were no longer dead."""
        return [
            bool(done) for done in steps.each(self._store, Rows("discard", queue, (*self._trash(queue), "ids"), jobs))
        ]

    def _trash(self, queue: str) -> tuple[str, str, int]:
        return queue, self._store.origin.operation, TRASH_MS

    def restore(self, queue: str, jobs: Sequence[Found]) -> list[bool]:
        """Bring jobs back from the trash: dead letters are dead again, jobs of an emptied queue wait again."""
        rows = []
        for found in jobs:
            info = GroupInfo(to_job(found).type, found.record.error, found.record.message)
            died = found.record.finished or clock.now_ms()
            rows.append((found.id, found.record.group or UNKNOWN_GROUP, codec.encode(info), died))
        return [bool(done) for done in steps.each(self._store, Rows("restore", queue, (queue,), rows))]

    def rebury(self, queue: str, jobs: Sequence[Found]) -> list[bool]:
        """Let jobs that have not run since they were retried be dead again; False for those that run, or have run."""
        with mapping():
            raw = self._store.client.hmget(self._store.keys.records(queue), [ids.write(job.id) for job in jobs])
        rows: list[tuple[Argument, ...]] = []
        for found, record in zip(jobs, raw, strict=True):
            now = codec.decode_record(record or b"")
            info = GroupInfo(to_job(found).type, now.error, now.message)
            seen = record or b"" if now.is_of_death else b""
            rows.append((found.id, now.group or "", codec.encode(info), now.finished or 0, seen))
        return [bool(done) for done in steps.each(self._store, Rows("rebury", queue, (queue,), rows))]


UNKNOWN_GROUP = "unknown"
"""The group of a dead letter whose record was lost."""


def _span(since_ms: int | None, until_ms: int | None) -> tuple[str, str]:
    """As ZRANGEBYSCORE takes it: from `since_ms` to just before `until_ms`."""
    return (
        "-inf" if since_ms is None else str(since_ms),
        "+inf" if until_ms is None else f"({until_ms}",
    )


def _group(queue: str, name: str, info: bytes, reply: Sequence[Any]) -> DeadGroup:
    try:
        known = msgspec.json.decode(info, type=GroupInfo)
    except ValueError:
        known = GroupInfo("?", None, None)
    count, first, last = reply
    return DeadGroup(
        group=name,
        queue=queue,
        type=known.type,
        error=known.error,
        message=known.message,
        count=count,
        first_died_at=clock.to_datetime(first[0][1]) if first else None,
        last_died_at=clock.to_datetime(last[0][1]) if last else None,
    )


def to_letter(found: Found, *, unredacted: bool = False) -> DeadLetter:
    """The machine format of a dead letter; `unredacted` leaves its payload as it is."""
    job = to_job(found, unredacted=unredacted)
    return DeadLetter(
        id=job.id,
        type=job.type,
        queue=job.queue,
        label=job.label,
        died_at=job.finished_at or clock.to_datetime(0),
        attempt_count=job.attempt_count,
        attempts=job.attempts,
        error=job.error,
        message=job.message,
        group=found.record.group or "",
        payload=job.payload,
    )
