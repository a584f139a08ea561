"""How deep queues are, how long their oldest job waits, and how many ended of late."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import TYPE_CHECKING

from jobctl import clock
from jobctl.store.data import codec, ids
from jobctl.store.data.records import QueueRow
from jobctl.store.nouns import counts
from jobctl.store.nouns.pauses import EVERYTHING, Pauses
from jobctl.store.nouns.processes import Processes
from jobctl.store.wire.connection import mapping

if TYPE_CHECKING:
    from jobctl.store.wire.namespace import Namespace

HEADS = 5
"""Entries at the head of a line that are looked at for the oldest; only where all of them were cancelled, the next."""
LINE_PAGE = 1_000
TOGETHER = 500
"""Queues that are asked in one round trip."""
SLOT_MS, SLOTS = 5_000, 12
"""As in _tally.lua: how long a slot is, and how many make a minute."""

Head = tuple[int, str]
"""When the oldest job of a line was enqueued (epoch ms), and its id."""


def rows(store: Namespace, queues: Sequence[str], known: Container[str] = ()) -> list[QueueRow]:
    """How deep queues are, in two round trips for every 500. `workers` is left None: it is known to Processes.

    Of a queue that is neither in `known` nor was ever used by jobctl, a stock deployment cannot tell everything.
    """
    paused, executing = Pauses(store).now(), Processes(store).executing()
    return [
        row
        for start in range(0, len(queues), TOGETHER)
        for row in _rows(store, queues[start : start + TOGETHER], known, paused, executing)
    ]


def _rows(
    store: Namespace,
    queues: Sequence[str],
    known: Container[str],
    paused: Container[str],
    executing: Mapping[str, int],
) -> list[QueueRow]:
    keys = store.keys
    with mapping():
        pipe = store.client.pipeline(transaction=False)
        for queue in queues:
            counts.ask(pipe, keys, queue, counts.COLUMNS)
            pipe.llen(keys.ready(queue))
            pipe.hlen(keys.bodies(queue))
            pipe.hlen(keys.stock_delayed_bodies(queue))
            pipe.zcard(keys.stock_dead(queue))
            pipe.sismember(keys.queues(), queue)
            pipe.hvals(keys.running(queue))
            pipe.lrange(keys.ready(queue), 0, HEADS - 1)
            pipe.zrange(keys.ordered(queue), 0, HEADS - 1)
        replies = iter(pipe.execute())
    found = {queue: (counts.read(replies, counts.COLUMNS), [next(replies) for _ in range(8)]) for queue in queues}
    oldest = _oldest(store, {queue: [*rest[6], *rest[7]] for queue, (_, rest) in found.items()})
    out = []
    for queue, (counted, (listed, bodies, delayed, dead, used, reservations, *_)) in found.items():
        head = oldest[queue] or (_oldest_listed(store, queue, listed) if counted["waiting"] else None)
        stock = counts.Stock(listed, bodies, delayed, dead)
        told = counts.told(_apart(counted, reservations, executing.get(queue, 0)), stock, used or queue in known)
        waits = round(max(0.0, (clock.now_ms() - head[0]) / 1000), 3) if head and counted["waiting"] else None
        held = queue in paused or EVERYTHING in paused
        out.append(QueueRow(queue=queue, **told, oldest_waiting_s=waits, workers=None, paused=held))
    return out


def _apart(counted: Mapping[str, int], reservations: Sequence[bytes], executing: int) -> dict[str, int]:
    """The counts, with what workers have fetched ahead among the waiting.

    What runs long is known job by job; of short jobs, how many executed when their workers last beat.
    """
    begun = sum(int(one.rpartition(b"|")[2]) > 0 for one in reservations)
    running = min(len(reservations), max(begun, executing))
    return {**counted, "running": running, "waiting": counted["waiting"] + len(reservations) - running}


def _oldest(store: Namespace, heads: Mapping[str, Sequence[bytes]]) -> dict[str, Head | None]:
    """For each queue, the oldest job at the head of its lines, in one round trip.

    An entry without a body was cancelled: it does not wait any more.
    """
    queues = [queue for queue, job_ids in heads.items() if job_ids]
    with mapping():
        pipe = store.client.pipeline(transaction=False)
        for queue in queues:
            pipe.hmget(store.keys.bodies(queue), heads[queue])
        replies = pipe.execute()
    out: dict[str, Head | None] = dict.fromkeys(heads)
    for queue, bodies in zip(queues, replies, strict=True):
        waiting = [
            (at, job_id)
            for raw, body in zip(heads[queue], bodies, strict=True)
            if body and (at := _enqueued(job_id := ids.read(raw), body)) is not None
        ]
        out[queue] = min(waiting, default=None)
    return out


def _oldest_listed(store: Namespace, queue: str, count: int) -> Head | None:
    """The first job of a line whose head was cancelled: the entries that are left there do not wait."""
    keys, client = store.keys, store.client
    for start in range(HEADS, count, LINE_PAGE):
        with mapping():
            entries = client.lrange(keys.ready(queue), start, start + LINE_PAGE - 1)
            pipe = client.pipeline(transaction=False)
            for entry in entries:
                pipe.hexists(keys.bodies(queue), entry)
            there = pipe.execute()
        waiting = [entry for entry, waits in zip(entries, there, strict=True) if waits]
        if waiting:
            return _oldest(store, {queue: waiting[:HEADS]})[queue]
    return None


def oldest_waiting(store: Namespace, queue: str) -> str | None:
    """The id of the oldest job at the head of the lines of a queue."""
    keys, client = store.keys, store.client
    with mapping():
        listed = client.llen(keys.ready(queue))
        heads = [*client.lrange(keys.ready(queue), 0, HEADS - 1), *client.zrange(keys.ordered(queue), 0, HEADS - 1)]
    found = _oldest(store, {queue: heads})[queue] or _oldest_listed(store, queue, listed)
    return found[1] if found else None


def ended_of_late(store: Namespace, queue: str, now_ms: int) -> tuple[int, int]:
    """How many jobs completed and died in the last minute, give or take five seconds. `now_ms` is on Redis's clock."""
    with mapping():
        slots = store.client.hgetall(store.keys.ended(queue))
    first, out = now_ms // SLOT_MS - SLOTS, {b"c": 0, b"d": 0}
    for field, count in slots.items():
        if int(field[1:]) > first:
            out[field[:1]] += int(count)
    return out[b"c"], out[b"d"]


def _enqueued(job_id: str, data: bytes) -> int | None:
    try:
        return codec.enqueued_ms(job_id, codec.decode_body(data))
    except ValueError:
        return codec.enqueued_ms(job_id, None)
