"""Limits: what they allow, how much of it is used, who waits; changed live by hand.

A limit is `r:TYPE` (rate) or `c:TYPE` (concurrency) of a job type, `R` or `C` of the queue. A spec is
"COUNT PERIOD_MS BURST WINDOW" for a rate (WINDOW: smooth, fixed or sliding) and "COUNT" for a concurrency.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from jobctl import clock
from jobctl.store.data import ids
from jobctl.store.wire.connection import mapping

if TYPE_CHECKING:
    from jobctl.store.wire.namespace import Namespace

WORST = 10
PAGE = 500
KINDS = ("smooth", "window", "until")
"""What Redis keeps of a rate: its use, by the kind of its counter, and until when the other side asked for a pause."""


class Usage(msgspec.Struct, frozen=True):
    """One key of a limit at this moment: how much is used, when the next job may start (epoch ms, None for now), what
    the limit allows ("" if nothing says so), and until when (0: for good) and by whom that was set by hand."""

    used: int
    next_ms: int | None
    spec: str
    until_ms: int | None
    by: str | None


class KeyState(msgspec.Struct, frozen=True):
    """One key of a limit with jobs that wait. `next_ms` is when its next job may start (epoch ms), None for now."""

    key: str
    waiting: int
    used: int
    next_ms: int | None


class LaneState(msgspec.Struct, frozen=True, kw_only=True):
    """Why a job waits in its lane: `limit`, which allows `spec`, holds the lane up (by its key `key`); None if the lane
    has its turn. `ahead` counts the jobs before it in the lane; `turn_ms` is when its turn comes if nobody else takes
    from the limit (epoch ms), None if that cannot be said."""

    limit: str | None
    key: str
    spec: str
    turn_ms: int | None
    ahead: int


class LimitState(msgspec.Struct, frozen=True, kw_only=True):
    """A limit at this moment. `spec` is in force; `until_ms` is of one set by hand (0: for good), None for none.

    `waiting` counts the jobs that wait for any reason and have this limit, `keys` their different keys, `worst` those
    with the most. `used` is of a limit without keys: starts in the present period, or jobs that run.
    """

    queue: str
    limit: str
    spec: str
    catalog_spec: str | None
    until_ms: int | None
    by: str | None
    waiting: int
    keys: int
    used: int | None
    next_ms: int | None
    worst: tuple[KeyState, ...]


class Limits:
    """The limits of a namespace."""

    def __init__(self, store: Namespace) -> None:
        self._store = store

    def define(self, queue: str, specs: Mapping[str, str]) -> None:
        """Say what the catalog's limits of a queue allow; who waits for one that changed is looked at again."""
        key = self._store.keys.limits(queue)
        with mapping():
            before = self._store.client.hmget(key, list(specs)) if specs else []
            changed = {
                limit: spec
                for (limit, spec), old in zip(specs.items(), before, strict=True)
                if old is None or ids.read(old) != spec
            }
            if changed:
                self._store.writer.hset(key, mapping=changed)
        if changed:
            self.look_again(queue, *changed)

    def set(self, queue: str, limit: str, spec: str, until_ms: int, by: str) -> None:
        """Let something else than the catalog's spec be in force, until a time (epoch ms; 0: until reset)."""
        with mapping():
            self._store.writer.hset(
                self._store.keys.limits(queue), f"{limit}|set", f"{until_ms}|{by.replace('|', '_')}|{spec}"
            )
        self.look_again(queue, limit)

    def reset(self, queue: str, limit: str, key: str | None = None) -> bool:
        """Forget what was set by hand, and how much is used: of one key, or of all keys that someone waits for.

        False if there was nothing to forget. Jobs that run continue counting against a concurrency.
        """
        client, keys = self._store.client, self._store.keys
        with mapping():
            was = 0 if key is not None else int(client.hdel(keys.limits(queue), f"{limit}|set"))
            for page in [[key]] if key is not None else self._waiting_keys(queue, limit):
                used = [f"{kind}:{bucket(limit, one)}" for one in page for kind in KINDS]
                was += int(client.delete(*(keys.of_limits(queue, name) for name in used)))
        self.look_again(queue, limit)
        return was > 0

    def _waiting_keys(self, queue: str, limit: str) -> Iterable[list[str | None]]:
        """The keys of a limit that someone waits for, in pages; None is the limit itself."""
        yield [None]
        backlog, start = self._store.keys.of_limits(queue, f"backlog:{limit}"), 0
        while page := self._store.client.zrange(backlog, start, start + PAGE - 1):
            yield [_key(one) for one in page]
            start += PAGE

    def defined(self, queue: str) -> frozenset[str]:
        """The limits of a queue that a catalog has, or had."""
        with mapping():
            fields = map(ids.read, self._store.client.hkeys(self._store.keys.limits(queue)))
            return frozenset(field for field in fields if not field.endswith("|set"))

    def parked(self, queue: str) -> dict[str, int]:
        """How many jobs of a queue wait for each limit; `p:TYPE` is that of types that have none of their own."""
        with mapping():
            found = self._store.client.hgetall(self._store.keys.of_limits(queue, "parked"))
        return {ids.read(limit): int(count) for limit, count in sorted(found.items())}

    def types(self, queue: str) -> list[str]:
        """The job types of a queue of which jobs are limited."""
        return sorted({limit[2:] for limit in self.parked(queue) if limit[0] in "prc"})

    def held_since(self, queue: str) -> datetime | None:
        """Since when the job of a queue that waits longest is limited."""
        with mapping():
            first = self._store.client.zrange(self._store.keys.limited(queue), 0, 0, withscores=True)
        return clock.to_datetime(first[0][1]) if first else None

    def look_again(self, queue: str, *limits: str) -> None:
        """Let who waits for these limits be looked at now."""
        cursor = b"0"
        while True:
            cursor = self._store.run("look_again", queue, queue, cursor, *limits)
            if cursor == b"0":
                return

    def having(self, queues: Sequence[str], also: Container[str]) -> list[str]:
        """Those of the queues that have limits or are in `also`, in that order: a round trip for every 1,000."""
        keys, client, out = self._store.keys, self._store.client, list[str]()
        for start in range(0, len(queues), 1_000):
            some = queues[start : start + 1_000]
            with mapping():
                pipe = client.pipeline(transaction=False)
                for queue in some:
                    pipe.exists(keys.limits(queue), keys.of_limits(queue, "parked"))
                replies = pipe.execute()
            out += [queue for queue, there in zip(some, replies, strict=True) if there or queue in also]
        return out

    def rows(self, queue: str, catalog: Mapping[str, str] | None = None) -> list[LimitState]:
        """All limits of a queue that someone defined, set, or waits for; and those of a catalog (limit → spec) that no
        worker has defined yet."""
        client, keys = self._store.client, self._store.keys
        with mapping():
            specs = {ids.read(k): ids.read(v) for k, v in client.hgetall(keys.limits(queue)).items()}
        specs, parked = {**(catalog or {}), **specs}, self.parked(queue)
        names = {name.removesuffix("|set") for name in specs} | {name for name in parked if name[0] != "p"}
        return [self._row(queue, limit, specs, parked.get(limit, 0)) for limit in sorted(names)]

    def lane(self, queue: str, buckets: str, priority: int, job_id: str) -> LaneState:
        """What a job that is limited waits for: it has these buckets (one a line) and this priority."""
        client, keys, lane = self._store.client, self._store.keys, f"{priority}|{buckets}"
        names = buckets.split("\n")
        with mapping():
            pipe = client.pipeline(transaction=False)
            pipe.zrank(keys.of_limits(queue, f"lane:{lane}"), job_id)
            for name in names:
                pipe.zscore(keys.of_limits(queue, f"line:{name}"), lane)
            rank, *scores = pipe.execute()
        held = next((name for name, score in zip(names, scores, strict=True) if score is not None), None)
        limit, _, key = (held or "").partition("|")
        if held is None or limit.startswith("p:"):
            return LaneState(limit=limit or None, key="", spec="", turn_ms=None, ahead=rank or 0)
        [usage] = self.usage(queue, [held], rank or 0)
        return LaneState(limit=limit, key=key, spec=usage.spec, turn_ms=usage.next_ms, ahead=rank or 0)

    def usage(self, queue: str, buckets: Sequence[str], ahead: int = 0) -> list[Usage]:
        """How much of some buckets is used; `next_ms` is of the job after the next `ahead`."""
        return [
            Usage(
                used,
                till or None,
                ids.read(spec),
                None if until < 0 else until,
                ids.read(by) if by else None,
            )
            for used, till, spec, until, by in self._store.run("usage", queue, ahead, *buckets)
        ]

    def _row(self, queue: str, limit: str, specs: Mapping[str, str], waiting: int) -> LimitState:
        backlog = self._store.keys.of_limits(queue, f"backlog:{limit}")
        with mapping():
            keyed = int(self._store.client.zcard(backlog))
            worst = self._store.client.zrevrange(backlog, 0, WORST - 1, withscores=True)
        waits = [(key, int(count)) for name, count in worst if (key := _key(name)) is not None]
        own, *each = self.usage(queue, [limit, *(bucket(limit, key) for key, _ in waits)])
        return LimitState(
            queue=queue,
            limit=limit,
            spec=own.spec or specs.get(limit, ""),
            catalog_spec=specs.get(limit),
            until_ms=own.until_ms,
            by=own.by,
            waiting=waiting,
            keys=keyed if waits else 0,
            used=None if waits else own.used,
            next_ms=None if waits else own.next_ms,
            worst=tuple(
                KeyState(key, count, one.used, one.next_ms) for (key, count), one in zip(waits, each, strict=True)
            ),
        )


def bucket(limit: str, key: str | None) -> str:
    """The name of one key of a limit, which may be ""; None is the limit itself."""
    return limit if key is None else f"{limit}|{key}"


def _key(backlogged: bytes) -> str | None:
    """The key that a member of a backlog stands for: "|KEY", or "" for the limit itself."""
    text = ids.read(backlogged)
    return text[1:] if text else None
