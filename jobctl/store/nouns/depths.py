"""How deep queues are, how long their oldest job waits, and how many ended recently."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

from jobctl import clock
from jobctl.store.data import codec, ids
from jobctl.store.data.ids import minted_at
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
QUEUES_A_CALL, TOGETHER = 50, 1_000
"""Queues that one call counts, and those that are asked in one round trip."""
SLOT_MS, SLOTS = 5_000, 12
"""As in _tally.lua: how long a slot is, and how many make a minute."""

_COLUMNS = {state.name.encode(): state.name for state in counts.COLUMNS}
_NOTHING = dict.fromkeys(_COLUMNS.values(), 0)

YOUNG_MS = 5_000
"""A job that was enqueued so recently cannot have waited long, whatever else is known of it."""

Head = tuple[int, str]
"""Since when the oldest job of a line has been ready to start (epoch ms), and its id."""


def rows(store: Namespace, queues: Sequence[str], known: Container[str] = ()) -> list[QueueRow]:
    """How deep queues are, in one or two round trips for every 1,000. `workers` is left None: it is known to Processes.

    Of a queue that is neither in `known` nor was ever used by jobctl, a stock deployment cannot tell everything.
    """
    paused, executing = Pauses(store).now(), Processes(store).executing()
    return [
        row
        for start in range(0, len(queues), TOGETHER)
        for row in _rows(store, queues[start : start + TOGETHER], known, paused, executing)
    ]


def holding(store: Namespace, queues: Sequence[str], *states: str) -> Iterator[str]:
    """Those of the queues that have a job in one of these states (in any, if none is named), an inbox included."""
    for start in range(0, len(queues), TOGETHER):
        for queue, (stock, _, told) in _asked(store, queues[start : start + TOGETHER]).items():
            counted = zip(told[::2], told[1::2], strict=True)
            if any(stock[2:4]) or any(count for state, count in counted if not states or state.decode() in states):
                yield queue


def _asked(store: Namespace, queues: Sequence[str]) -> dict[str, Any]:
    """What depths.lua says of each queue."""
    parts = [queues[at : at + QUEUES_A_CALL] for at in range(0, len(queues), QUEUES_A_CALL)]
    replies = store.run_many([store.call("depths", part, HEADS, *part) for part in parts])
    return dict(zip(queues, chain.from_iterable(replies), strict=True))


def _rows(
    store: Namespace,
    queues: Sequence[str],
    known: Container[str],
    paused: Container[str],
    executing: Mapping[str, int],
) -> list[QueueRow]:
    found = _asked(store, queues)
    oldest = _oldest(store, {queue: heads for queue, (_, heads, _) in found.items()})
    out = []
    for queue, ((listed, bodies, delayed, dead, used, begun), _, told) in found.items():
        counted = _counted(told)
        head = oldest[queue] or (_oldest_listed(store, queue, listed) if counted["waiting"] else None)
        stock = counts.Stock(listed, bodies, delayed, dead)
        row = counts.told(_apart(counted, max(begun, executing.get(queue, 0))), stock, bool(used) or queue in known)
        waits = round(max(0.0, (clock.now_ms() - head[0]) / 1000), 3) if head and counted["waiting"] else None
        held = queue in paused or EVERYTHING in paused
        out.append(QueueRow(queue=queue, **row, oldest_waiting_s=waits, workers=None, paused=held))
    return out


def _counted(told: Sequence[Any]) -> dict[str, int]:
    """The counts of the states that a row shows: those of a state's places together."""
    out = dict(_NOTHING)
    for state, count in zip(told[::2], told[1::2], strict=True):
        if name := _COLUMNS.get(state):
            out[name] += count
    return {name: max(0, count) for name, count in out.items()} if told else out


def _apart(counted: Mapping[str, int], executing: int) -> dict[str, int]:
    """The counts, with what workers have fetched ahead among the waiting.

    What runs long is known job by job; of short jobs, how many executed when their workers last beat.
    """
    held = counted["running"]
    running = min(held, executing)
    return {**counted, "running": running, "waiting": counted["waiting"] + held - running}


def _oldest(store: Namespace, heads: Mapping[str, Sequence[bytes]]) -> dict[str, Head | None]:
    """For each queue, which of the jobs at the head of its lines has waited longest. Ids of ours tell when their jobs
    were enqueued: bodies and records, which tell of delays and retries, are read only where that is a while ago."""
    out: dict[str, Head | None] = dict.fromkeys(heads)
    unsure = {}
    young = clock.now_ms() - YOUNG_MS
    for queue, raw_ids in heads.items():
        known = [(minted_at(job_id := ids.read(raw)), job_id) for raw in raw_ids]
        if any(at is None or at < young for at, _ in known):
            unsure[queue] = raw_ids
        elif known:
            out[queue] = min((at or 0, job_id) for at, job_id in known)
    with mapping():
        pipe = store.client.pipeline(transaction=False)
        for queue, raw_ids in unsure.items():
            pipe.hmget(store.keys.bodies(queue), raw_ids).hmget(store.keys.records(queue), raw_ids)
        replies = pipe.execute()
    for (queue, raw_ids), bodies, records in zip(unsure.items(), replies[::2], replies[1::2], strict=True):
        waiting = [
            (at, ids.read(raw))
            for raw, body, record in zip(raw_ids, bodies, records, strict=True)
            if body and (at := _ready(ids.read(raw), body, record)) is not None
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
    [[(listed, *_), heads, _]] = store.run("depths", [queue], HEADS, queue)
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


def _ready(job_id: str, data: bytes, record: bytes | None) -> int | None:
    """Since when a job has been ready to start; None if nobody knows, as of a dead letter that was retried."""
    try:
        body = codec.decode_body(data)
    except ValueError:
        return minted_at(job_id)
    enqueued = codec.enqueued_ms(job_id, body) or body.message_timestamp
    return codec.ready_ms(body, codec.decode_record(record or b""), enqueued)
