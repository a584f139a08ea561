"""Dead letters that `keep` keeps no longer: dropped for good, and never without a word."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from jobctl import clock
from jobctl.catalog.model import Keep
from jobctl.store.data import codec, ids
from jobctl.store.data.records import Event
from jobctl.store.nouns import events
from jobctl.store.wire.bounds import EVENTS_KEPT, EVER
from jobctl.store.wire.connection import mapping

if TYPE_CHECKING:
    from jobctl.store.wire.namespace import Namespace

BATCH = 200
SOON = 0.9
"""From which part of an age or a count on they are nearly reached."""


class Dropped(msgspec.Struct, frozen=True):
    """How many dead letters of a queue were dropped: since when, and when the last one was."""

    count: int
    first: datetime
    last: datetime


def trim(store: Namespace, queue: str, keep: Keep) -> tuple[int, bool]:
    """Drop one batch of the dead letters that `keep` keeps no longer, the oldest first; (how many, whether there are
    more)."""
    past = _past(store, queue, keep)
    if not past:
        return 0, False
    with mapping():
        raw = store.client.hmget(store.keys.records(queue), [ids.write(job_id) for job_id in past])
    records = [codec.decode_record(record or b"") for record in raw]
    now = clock.to_datetime(clock.now_ms())
    rows = [
        (job_id, group, events.encode(_event(queue, job_id, record, now)))
        for job_id, group, record in zip(past, groups_of(store, queue, past), records, strict=True)
    ]
    head = (queue, *_bounds(keep), keep.completed_ms, EVENTS_KEPT)
    gone_through, dropped = store.run("trim", queue, *head, *(part for row in rows for part in row))
    return int(dropped), dropped > 0 and (gone_through < len(rows) or len(rows) == BATCH)


def _bounds(keep: Keep) -> tuple[int, int]:
    return (EVER if keep.dead_ms is None else keep.dead_ms), (EVER if keep.dead_count is None else keep.dead_count)


def _past(store: Namespace, queue: str, keep: Keep) -> list[str]:
    """The first of the dead letters of a queue that are past an age or over a count, the oldest first."""
    if keep.dead_ms is None and keep.dead_count is None:
        return []
    age_ms, count = _bounds(keep)
    key = store.keys.dead(queue)
    with mapping():
        pipe = store.client.pipeline(transaction=False)
        (seconds, micros), there, rows = pipe.time().zcard(key).zrange(key, 0, BATCH - 1, withscores=True).execute()
    before = int(seconds) * 1000 + int(micros) // 1000 - age_ms
    return [ids.read(raw) for rank, (raw, died) in enumerate(rows) if died <= before or rank < there - count]


def _event(queue: str, job_id: str, record: codec.Record, at: datetime) -> Event:
    return Event(
        at=at,
        event="dropped",
        id=job_id,
        type=record.type or "?",
        queue=queue,
        label=record.label,
        attempt=record.count,
        error=record.error,
        message=record.message,
    )


def dropped(store: Namespace, queues: Sequence[str]) -> dict[str, Dropped]:
    """What was dropped of each queue of which anything ever was."""
    with mapping():
        pipe = store.client.pipeline(transaction=False)
        for queue in queues:
            pipe.hmget(store.keys.dropped(queue), "count", "first", "last")
        replies = pipe.execute() if queues else []
    return {
        queue: Dropped(int(count), clock.to_datetime(int(first)), clock.to_datetime(int(last)))
        for queue, (count, first, last) in zip(queues, replies, strict=True)
        if count
    }


def is_close(store: Namespace, queue: str, keep: Keep) -> bool:
    """Whether dead letters of a queue will be dropped soon: nine tenths of the age or of the count are reached."""
    if keep.dead_ms is None and keep.dead_count is None:
        return False
    age_ms, count = _bounds(keep)
    key = store.keys.dead(queue)
    with mapping():
        pipe = store.client.pipeline(transaction=False)
        (seconds, _), there, oldest = pipe.time().zcard(key).zrange(key, 0, 0, withscores=True).execute()
    return bool(oldest) and (int(seconds) * 1000 - oldest[0][1] >= SOON * age_ms or there >= SOON * count)


def groups_of(store: Namespace, queue: str, dead: Sequence[str]) -> list[str]:
    """The groups that dead letters are in, as their records say or, without a record, as the groups do."""
    with mapping():
        records = store.client.hmget(store.keys.records(queue), [ids.write(job_id) for job_id in dead])
    said = [(codec.decode_record(record).group or "") if record else None for record in records]
    known: list[str] = []
    if None in said:
        with mapping():
            known = [ids.read(name) for name in store.client.hkeys(store.keys.groups(queue))]
    return [
        _group_of(store, queue, job_id, known) if group is None else group
        for job_id, group in zip(dead, said, strict=True)
    ]


def _group_of(store: Namespace, queue: str, job_id: str, known: Sequence[str]) -> str:
    with mapping():
        pipe = store.client.pipeline(transaction=False)
        for group in known:
            pipe.zscore(store.keys.group(queue, group), ids.write(job_id))
        scores = pipe.execute() if known else []
    return next((group for group, score in zip(known, scores, strict=True) if score is not None), "")
