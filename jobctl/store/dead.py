"""Dead letters: listed newest first, grouped by fingerprint, discarded to a trash that expires, restored from it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from jobctl import clock
from jobctl.store import codec
from jobctl.store.connection import mapping
from jobctl.store.jobs import Found, to_job
from jobctl.store.queues import TRASH_MS
from jobctl.store.records import DeadGroup, DeadLetter

if TYPE_CHECKING:
    from jobctl.store.store import Store


class GroupInfo(msgspec.Struct, frozen=True):
    """What all dead letters of a group have in common, with one example of the message."""

    type: str
    error: str | None
    message: str | None


class Dead:
    """The dead letters of a namespace."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def scan(
        self,
        queue: str,
        *,
        group: str | None = None,
        since_ms: int | None = None,
        until_ms: int | None = None,
    ) -> Iterator[list[Found]]:
        """The dead letters of a queue (or of one group of it) that died in a time span, newest first, in batches.

        The upper bound moves down with each batch, so that a scan which changes what it reads misses nothing; of
        letters that died in the same millisecond, those already seen are not given again.
        """
        key = self._store.keys.group(queue, group) if group else self._store.keys.dead(queue)
        low = since_ms if since_ms is not None else "-inf"
        high: int | str = until_ms if until_ms is not None else "+inf"
        seen: set[str] = set()
        while True:
            with mapping():
                page = self._store.client.zrevrangebyscore(
                    key, high, low, start=0, num=500 + len(seen), withscores=True
                )
            fresh = [(job_id, score) for i, score in page if (job_id := i.decode("utf-8", "replace")) not in seen]
            if not fresh:
                return
            last = fresh[-1][1]
            seen = {i for i, score in fresh if score == last} | (seen if high == int(last) else set())
            high = int(last)
            yield [f for f in self._store.jobs.locate(queue, [i for i, _ in fresh]) if f.state == "dead"]

    def count(self, queue: str) -> int:
        with mapping():
            return int(self._store.client.zcard(self._store.keys.dead(queue)))

    def groups(self, queue: str) -> list[DeadGroup]:
        """The error groups of a queue, the largest first."""
        keys, client = self._store.keys, self._store.client
        with mapping():
            infos = client.hgetall(keys.groups(queue))
            pipe = client.pipeline(transaction=False)
            names = [name.decode() for name in infos]
            for name in names:
                pipe.zcard(keys.group(queue, name))
                pipe.zrange(keys.group(queue, name), 0, 0, withscores=True)
                pipe.zrevrange(keys.group(queue, name), 0, 0, withscores=True)
            replies = pipe.execute()
        rows = [_group(queue, name, infos[name.encode()], replies[i * 3 : i * 3 + 3]) for i, name in enumerate(names)]
        return sorted((row for row in rows if row.count), key=lambda row: (-row.count, row.group))

    def discard(self, queue: str, jobs: Sequence[tuple[str, str]]) -> list[bool]:
        """Move dead letters, given as (id, group), to the trash; False for those that were not dead any more."""
        args = [part for pair in jobs for part in pair]
        return [bool(done) for done in self._store.run("discard", queue, TRASH_MS, *args)]

    def restore(self, queue: str, jobs: Sequence[Found]) -> list[bool]:
        """Bring jobs back from the trash: dead letters are dead again, jobs of an emptied queue wait again."""
        args: list[str | bytes | int] = []
        for found in jobs:
            group = found.record.group
            if group:
                info = GroupInfo(to_job(found).type, found.record.error, found.record.message)
                args += (found.id, group, codec.encode(info), found.record.finished or clock.now_ms())
            else:
                args += (found.id, "", "", "")
        return [bool(done) for done in self._store.run("restore", queue, *args)]


def _group(queue: str, name: str, info: bytes, reply: Sequence[Any]) -> DeadGroup:
    known = msgspec.json.decode(info, type=GroupInfo)
    count, first, last = reply
    return DeadGroup(
        group=name,
        queue=queue,
        type=known.type,
        error=known.error,
        message=known.message,
        count=count,
        first_died_at=clock.to_datetime(int(first[0][1])) if first else None,
        last_died_at=clock.to_datetime(int(last[0][1])) if last else None,
    )


def to_letter(found: Found) -> DeadLetter:
    """The machine format of a dead letter."""
    job = to_job(found)
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
