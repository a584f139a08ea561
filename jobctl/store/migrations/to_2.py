"""From layout 1 to 2.

Records become short: attempts, tracebacks and results go to keys of their own. Jobs of emptied queues are in the trash
with the others, ids that producers chose are remembered for longer, aliases belong to a queue, pauses have another key,
lanes are by priority.
Reservations get new tokens: a worker of layout 1 that was frozen meanwhile can end none of them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import msgspec

from jobctl.store.data import attempts, codec, ids
from jobctl.store.data.attempts import Lived, Ran
from jobctl.store.migrations import limits_2
from jobctl.store.migrations.step import Batch, Command, Part
from jobctl.store.nouns.dead import GroupInfo
from jobctl.store.wire import layout
from jobctl.store.wire.namespace import Namespace

PAGE = 500
PAGE_BYTES = 250_000
"""About as much is read and written at once."""
REMEMBERED_MS = 600_000
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class _Record(
    msgspec.Struct,
    rename={
        "attempts": "a", "count": "n", "spent": "b", "result": "r", "error": "e", "message": "m", "group": "g",
        "retries": "x", "started": "s", "finished": "f", "unknown": "u",
    },
):  # fmt: skip
    """A record of layout 1, which held all attempts and the result."""

    attempts: list[Lived] = []
    count: int = 0
    spent: int = 0
    result: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    error: str | None = None
    message: str | None = None
    group: str | None = None
    retries: int | None = None
    started: int | None = None
    finished: int | None = None
    unknown: int | None = None


_decode = msgspec.json.Decoder(_Record).decode


def begin(store: Namespace) -> Sequence[Command]:
    """Pauses move away from where programs of layout 1 look for them; these find everything paused."""
    keys, client = store.keys, store.connection
    moved = [("RENAME", keys.notice(), keys.paused())] if client.exists(keys.notice()) else []
    return [*moved, ("HSET", keys.notice(), "*", layout.NOTICE)]


def parts(store: Namespace) -> list[Part]:
    """Everything that there is to look at."""
    keys, client = store.keys, store.connection
    names = {*client.smembers(keys.queues()), *client.smembers(keys.stock_queues())}
    found = [part for name in sorted(names) for part in _of_queue(store, ids.read(name))]
    return [*found, Part("*", "aliases", 0, partial(_aliases, store)), Part("*", "namespace", 1, _last)]


def _last() -> Iterator[Batch]:
    """There is something to do although no queue has anything."""
    yield Batch(1)


def _of_queue(store: Namespace, queue: str) -> Iterator[Part]:
    keys, client = store.keys, store.connection
    emptied, remembered = keys._of("emptied", queue), keys._of("remembered", queue)
    counted: list[tuple[str, int, Any]] = [
        ("reservations", client.hlen(keys.running(queue)), _reservations),
        ("records", client.hlen(keys.records(queue)), _records),
        ("error groups", client.hlen(keys.groups(queue)), _groups),
        ("emptied jobs", client.zcard(emptied), _emptied),
        ("remembered ids", client.zcard(remembered), _remembered),
        ("ids", client.hlen(keys.bodies(queue)) + client.hlen(keys.archive(queue)), _chosen),
    ]
    for what, count, batches in counted:
        if count:
            yield Part(queue, what, count, partial(batches, store, queue))
    yield from limits_2.parts(store, queue)


def _reservations(store: Namespace, queue: str) -> Iterator[Batch]:
    keys, client = store.keys, store.connection
    held = list(client.hgetall(keys.running(queue)).items())
    for start in range(0, len(held), PAGE):
        some = held[start : start + PAGE]
        last, (seconds, micros) = int(client.incrby(keys.token(), len(some))), client.time()
        now, fields = int(seconds) * 1000 + int(micros) // 1000, []
        for number, (job_id, reservation) in enumerate(some, last - len(some) + 1):
            fields += [job_id, b"%d-%d|%b" % (number, now, reservation.partition(b"|")[2])]
        yield Batch(len(some), [("HSET", keys.running(queue), *fields)])


def _scan(store: Namespace, key: str) -> Iterator[list[tuple[bytes, bytes]]]:
    """The fields of a hash, in pages of a bounded size: how many are asked for follows how large they are."""
    cursor, count = 0, 10
    while True:
        cursor, found = store.connection.hscan(key, cursor, count=count)
        page = list(found.items())
        yield page
        if cursor == 0:
            return
        size = sum(len(value) for _, value in page) // max(len(page), 1) + 100
        count = max(1, min(PAGE, PAGE_BYTES // size))


def _records(store: Namespace, queue: str) -> Iterator[Batch]:
    for page in _scan(store, store.keys.records(queue)):
        for start in range(0, len(page), PAGE):
            some = page[start : start + PAGE]
            yield Batch(len(some), _split(store, queue, some))


def _split(store: Namespace, queue: str, page: list[tuple[bytes, bytes]]) -> list[Command]:
    """The commands that make records short. One that was made so before stays as it is."""
    keys = store.keys
    fields: dict[str, list[bytes]] = {"records": [], "attempts": [], "results": [], "traces": []}
    uses: Counter[bytes] = Counter()
    for job_id, data in page:
        try:
            old = _decode(data)
        except (ValueError, RecursionError):
            continue
        if b'"d":' in data or codec.encode(short := _short(old)) == data:
            continue
        lived = old.attempts if short.ran is None else old.attempts[:-1]
        encoded = [attempts.encode(attempt) for attempt in lived]
        fields["records"] += [job_id, codec.encode(short)]
        if encoded:
            fields["attempts"] += [job_id, b"\n".join(line for line, _ in encoded)]
        if old.result is not msgspec.UNSET:
            fields["results"] += [job_id, bytes(old.result)]
        for line, trace in encoded:
            if trace:
                digest = line.partition(b" ")[0]
                uses[digest] += 1
                fields["traces"] += [digest, trace]
    commands: list[Command] = [("HSET", getattr(keys, name)(queue), *some) for name, some in fields.items() if some]
    return [*commands, *(("HINCRBY", keys.trace_uses(queue), digest, count) for digest, count in uses.items())]


def _short(old: _Record) -> codec.Record:
    record = codec.Record(
        count=old.count, spent=old.spent, group=old.group, retries=old.retries, finished=old.finished,
        started=old.started, unknown=old.unknown,
    )  # fmt: skip
    record.fail(old.error, old.message)
    last = old.attempts[-1] if old.attempts else None
    if last is not None and last.outcome == "completed":
        record.ran = Ran(last.host, last.pid, last.started, last.duration)
        record.started = None if old.started == last.started else old.started
    return record


def _groups(store: Namespace, queue: str) -> Iterator[Batch]:
    key = store.keys.groups(queue)
    for page in _scan(store, key):
        commands: list[Command] = []
        for group, data in page:
            try:
                info = msgspec.json.decode(data, type=GroupInfo)
            except ValueError:
                continue
            brief = msgspec.structs.replace(info, message=codec.brief(info.message))
            if brief != info:
                commands.append(("HSET", key, group, codec.encode(brief)))
        yield Batch(len(page), commands)


def _emptied(store: Namespace, queue: str) -> Iterator[Batch]:
    keys, client = store.keys, store.connection
    emptied, due = keys._of("emptied", queue), keys._of("emptied_due", queue)
    while rows := client.zrange(emptied, 0, PAGE - 1, withscores=True):
        gone = [job_id for job_id, _ in rows]
        times = client.hmget(due, gone)
        scored = [part for job_id, expires in rows for part in (expires, job_id)]
        origins = [part for job_id, at in zip(gone, times, strict=True) for part in (job_id, at or b"waiting")]
        yield Batch(
            len(rows),
            [
                ("ZADD", keys.trash(queue), *scored),
                ("HSET", keys.origins(queue), *origins),
                ("ZREM", emptied, *gone),
                ("HDEL", due, *gone),
            ],
        )


def _remembered(store: Namespace, queue: str) -> Iterator[Batch]:
    """Ids of deleted jobs were scored by their end, and are by until when they are known."""
    old = store.keys._of("remembered", queue)
    while rows := store.connection.zrange(old, 0, PAGE - 1, withscores=True):
        scored = [part for job_id, ended in rows for part in (ended + REMEMBERED_MS, job_id)]
        yield Batch(
            len(rows),
            [("ZADD", store.keys.known(queue), *scored), ("ZREM", old, *(job_id for job_id, _ in rows))],
        )


def _chosen(store: Namespace, queue: str) -> Iterator[Batch]:
    """Ids that producers chose: those that neither jobctl nor Dramatiq makes."""
    for key in (store.keys.bodies(queue), store.keys.archive(queue)):
        for page in _scan(store, key):
            chosen = [job_id for job_id, _ in page if _is_chosen(ids.read(job_id))]
            yield Batch(len(page), [("SADD", store.keys.named(queue), *chosen)] if chosen else [])


def _is_chosen(job_id: str) -> bool:
    return not ids.MINTED.fullmatch(job_id) and not _UUID.fullmatch(job_id)


def _aliases(store: Namespace) -> Iterator[Batch]:
    """A stock message's own id → its job's id, now in hashes of the job's queue."""
    keys, client = store.keys, store.connection
    prefix = f"{keys._one('alias')}:"
    names = [ids.read(name) for name in client.smembers(keys.queues())]
    cursor = 0
    while True:
        cursor, found = client.scan(cursor, match=f"{limits_2.escaped(prefix)}*", count=500)
        old = [ids.read(key) for key in found if ":" not in ids.read(key).removeprefix(prefix)]
        yield Batch(len(old), [command for key in old for command in _alias(store, key, prefix, names)])
        if cursor == 0:
            return


def _alias(store: Namespace, key: str, prefix: str, names: Sequence[str]) -> list[Command]:
    client, keys = store.connection, store.keys
    job_id = client.get(key)
    if job_id is None:
        return []
    pipe = client.pipeline(transaction=False)
    for name in names:
        pipe.hexists(keys.bodies(name), job_id)
        pipe.hexists(keys.archive(name), job_id)
    held = pipe.execute()
    queue = next((name for at, name in enumerate(names) if held[2 * at] or held[2 * at + 1]), None)
    if queue is None:
        return [("DEL", key)]
    message_id = key.removeprefix(prefix)
    return [
        ("HSET", keys.aliases(queue), message_id, job_id),
        ("HSET", keys.messages(queue), job_id, message_id),
        ("DEL", key),
    ]
