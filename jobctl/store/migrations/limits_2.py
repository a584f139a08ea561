"""The limits of a queue, from layout 1 to 2: lanes by priority; windows count starts by until when they count."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import Any

import msgspec

from jobctl.errors import OtherLayout
from jobctl.store.data import ids
from jobctl.store.migrations.step import Batch, Command, Part
from jobctl.store.wire.namespace import Namespace

PAGE = 100
PARTS = 100
"""As _rates.lua: a sliding window of more starts counts them in so many parts of its period."""


def parts(store: Namespace, queue: str) -> Iterator[Part]:
    keys, client = store.keys, store.connection
    count = sum(client.zcard(f"{keys.limited(queue)}{suffix}") for suffix in ("", ":1", ":2"))
    if client.exists(keys.limits(queue)):
        yield Part(queue, "windows", 0, partial(_windows, store, queue))
    if count:
        yield Part(queue, "limited jobs", count, partial(_limited, store, queue))


def _limited(store: Namespace, queue: str) -> Iterator[Batch]:
    """Aside, then out of what layout 1 knew of their lines, then into lanes: each stage has its own key."""
    keys, client = store.keys, store.connection
    limited = keys.limited(queue)
    if not client.exists(f"{limited}:1", f"{limited}:2") and _is_old(store, queue):
        gone = [keys.of_limits(queue, name) for name in ("turns", "holds", "parked", "ties")]
        yield Batch(0, [("RENAME", limited, f"{limited}:1"), ("DEL", *gone)])
    if client.exists(f"{limited}:1"):
        for start in range(0, client.zcard(f"{limited}:1"), PAGE):
            page = client.zrange(f"{limited}:1", start, start + PAGE - 1)
            yield Batch(0, _cleared(store, queue, client.hmget(keys.lanes(queue), page)))
        yield Batch(0, [("RENAME", f"{limited}:1", f"{limited}:2")])
    while client.exists(f"{limited}:2"):
        mark = client.get(keys.layout()).decode()
        parked = int(store.run("migrate_lanes", queue, mark, queue, PAGE))
        if parked < 0:
            raise OtherLayout(f"another process has finished the migration of namespace {store.namespace}")
        yield Batch(parked)


def _is_old(store: Namespace, queue: str) -> bool:
    """Whether jobs wait in lanes of layout 1, which are called by their buckets alone."""
    client, keys = store.connection, store.keys
    first = client.zrange(keys.limited(queue), 0, 0)
    lane = client.hget(keys.lanes(queue), first[0]) if first else None
    return lane is not None and bool(client.exists(keys.of_limits(queue, f"lane:{ids.read(lane)}")))


def _cleared(store: Namespace, queue: str, lanes: list[bytes | None]) -> list[Command]:
    """What forgets the lines of buckets, and how many wait for each."""
    buckets = {bucket for lane in lanes if lane for bucket in ids.read(lane).split("\n") if bucket}
    names = {f"line:{bucket}" for bucket in buckets} | {f"backlog:{bucket.partition('|')[0]}" for bucket in buckets}
    return [("DEL", *(store.keys.of_limits(queue, name) for name in names))] if names else []


def _windows(store: Namespace, queue: str) -> Iterator[Batch]:
    """What fixed and sliding windows have counted still counts."""
    keys, client = store.keys, store.connection
    specs = {ids.read(k): ids.read(v) for k, v in client.hgetall(keys.limits(queue)).items()}
    for kind in ("fixed", "sliding"):
        prefix = keys.of_limits(queue, f"{kind}:")
        cursor = 0
        while True:
            cursor, found = client.scan(cursor, match=f"{escaped(prefix)}*", count=500)
            for key in found:
                bucket = ids.read(key).removeprefix(prefix)
                yield Batch(0, _window(store, queue, kind, bucket, specs))
            if cursor == 0:
                break


def _window(store: Namespace, queue: str, kind: str, bucket: str, specs: dict[str, str]) -> list[Command]:
    keys, client = store.keys, store.connection
    old, new = keys.of_limits(queue, f"{kind}:{bucket}"), keys.of_limits(queue, f"window:{bucket}")
    limit = bucket.partition("|")[0]
    spec = (specs[f"{limit}|set"].split("|", 2)[2] if f"{limit}|set" in specs else specs.get(limit, "")).split(" ")
    if len(spec) != 4 or spec[3] != kind:
        return [("DEL", old)]
    count, period = int(spec[0]), int(spec[1])
    pairs = _fixed(client.get(old), period) if kind == "fixed" else _sliding(client.lrange(old, 0, -1), count, period)
    seconds, micros = client.time()
    left = (pairs[-2] if pairs else 0) - int(seconds) * 1000 - int(micros) // 1000
    if left <= 0:
        return [("DEL", old)]
    return [("SET", new, msgspec.msgpack.encode([kind, period, *pairs]), "PX", left), ("DEL", old)]


def _fixed(stored: bytes | None, period: int) -> list[int]:
    index, _, used = (stored or b"0:0").partition(b":")
    return [(int(index) + 1) * period, int(used)]


def _sliding(starts: list[bytes], count: int, period: int) -> list[int]:
    pairs: list[Any] = []
    part = math.ceil(period / PARTS)
    for start in map(float, starts):
        ends = math.ceil(start + period) if count <= PARTS else math.ceil((start + period) / part) * part
        if pairs and pairs[-2] >= ends:
            pairs[-1] += 1
        else:
            pairs += [ends, 1]
    return pairs


def escaped(text: str) -> str:
    """A key as SCAN's MATCH takes it."""
    return "".join(f"\\{c}" if c in "*?[]\\^" else c for c in text)
