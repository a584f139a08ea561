"""The worst states that scripts meet: a million jobs in every state, a hundred thousand keys, 500 jobs a call that have
three buckets, a unique key and an expiry each, records of 25 attempts with tracebacks of 4 KB.

Each case puts its jobs on top of the same crowd, and then makes the calls that are measured.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from jobctl.catalog.model import Keep
from jobctl.store import Store
from jobctl.store.data import codec
from jobctl.store.data.codec import Body, Record
from jobctl.store.data.found import Found
from jobctl.store.data.newjob import NewJob, Unique
from jobctl.store.nouns.dead import GroupInfo
from jobctl.store.nouns.logs import Batch, LogLine
from jobctl.store.nouns.processes import ProcessInfo
from jobctl.store.nouns.settle import Ended, Reserved
from jobctl.store.wire import steps

QUEUE = "work"
MANY = 500
"""Jobs in one call."""
DAY_MS = 86_400_000
LIMITS = {"r:act": "1000000 1000 1000 smooth", "c:act": "1000000", "c:other": "1000000", "c:shut": "1", "C": "1000000"}
TRACE = 4_000
RECORD = codec.encode(Record(count=25, error="Boom", message="it went wrong", group="g1", started=1, finished=1))
INFO = msgspec.json.encode(GroupInfo("act", "Boom", "it went wrong"))


@dataclass
class World:
    """The queue that everything happens in. `size` is how many jobs the crowd has."""

    store: Store
    size: int
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def names(self, count: int) -> list[str]:
        return [f"{number:020d}" for number in itertools.islice(self.numbers, count)]

    def crowd(self) -> None:
        """Jobs in every state; a tenth of them wait in lanes of three buckets, whose keys are all different, behind one
        that admits nobody."""
        self.store.limits.define(QUEUE, LIMITS)
        part = self.size // 10
        self.enqueue(3 * part)
        self.enqueue(part, priority=5)
        self.enqueue(2 * part, delay_ms=DAY_MS)
        for kind in ("complete", "cancelled", "bury"):
            for _ in range(part // MANY):
                self.end(kind, self.plain(), trace=20)
        self._shut(part)

    def _shut(self, count: int) -> None:
        """Each of these waits for a bucket of its own, in which one runs."""
        for _ in range(0, count, MANY):
            lanes = [f"c:shut|{name}\nr:act|{name}\nc:act|{name}" for name in self.names(MANY)]
            for _ in range(2):
                jobs = [_job(i, lane=lane, priority=-900) for i, lane in zip(self.names(MANY), lanes, strict=True)]
                self.store.jobs.enqueue(jobs)
            self._fetch()
            self.store.settle.fetch("w", [QUEUE], MANY)  # the second of each lane finds that it has to wait

    def enqueue(self, count: int, **options: Any) -> list[str]:
        ids = self.names(count)
        for at in range(0, count, 5_000):
            self.store.jobs.enqueue([_job(job_id, **options) for job_id in ids[at : at + 5_000]])
        return ids

    def burdened(self, **options: Any) -> list[str]:
        """Jobs that wait in lanes of three buckets of their own, with a unique key and an expiry."""
        ids = self.names(MANY)
        self.store.jobs.enqueue([burdened(job_id, **options) for job_id in ids])
        return ids

    def plain(self) -> list[Reserved]:
        """Running jobs without limits."""
        self.enqueue(MANY, priority=-1000)
        return self._fetch()

    def running(self) -> list[Reserved]:
        """Running jobs with all their burden."""
        self.burdened(priority=-1000)
        return self._fetch()

    def _fetch(self) -> list[Reserved]:
        jobs: list[Reserved] = []
        while len(jobs) < MANY:
            jobs += self.store.settle.fetch("w", [QUEUE], MANY - len(jobs)).jobs
        return jobs

    def end(
        self,
        kind: str,
        jobs: Sequence[Reserved],
        *,
        pause_ms: int = 0,
        result: bytes = b"",
        queue: str = QUEUE,
        trace: int = TRACE,
    ) -> None:
        """Each with an attempt that failed, and a traceback of its own of so many characters."""
        ended = [
            Ended(
                j.id,
                j.token,
                RECORD,
                b"{}",
                b"",
                b"",
                result,
                1000,
                f"g{n % 50}",
                INFO,
                pause_ms=pause_ms,
                mark=f"{n % 100}.{n % 99}.type{n}",
            )
            for n, j in enumerate(jobs)
        ]
        if kind != "complete":
            ended = [msgspec.structs.replace(e, attempt=_line(e.id, 26, trace), trace=b"x" * trace) for e in ended]
        self.store.settle.write([self.store.settle.end(kind, queue, ended, Keep(DAY_MS, 10_000_000))])

    def history(self, ids: Sequence[str]) -> None:
        """25 attempts for each, all with tracebacks that no other has."""
        keys, client = self.store.keys, self.store.client
        for job_id in ids:
            digests = [f"{job_id}-{number}" for number in range(25)]
            client.hset(keys.attempts(QUEUE), job_id, b"\n".join(_line(job_id, number) for number in range(25)))
            client.hset(keys.traces(QUEUE), mapping=dict.fromkeys(digests, "x" * TRACE))
            client.hset(keys.trace_uses(QUEUE), mapping=dict.fromkeys(digests, 1))

    def log(self, jobs: Sequence[Reserved]) -> None:
        """A line for each."""
        batches = [Batch(j.id, j.token, (LogLine(1, 0, "stdout", "x" * 200),)) for j in jobs]
        steps.run(self.store, [self.store.logs.rows(QUEUE, batches)])

    def process(self, number: int) -> ProcessInfo:
        name = f"host:{number}:x"
        return ProcessInfo(
            name=name, kind="worker", host="host", pid=1, queues=(QUEUE,), processes=1, threads=1, started_ms=1
        )

    def emptied(self, queue: str) -> list[Found]:
        """Jobs with all their burden that waited in a queue, which was emptied."""
        self.store.limits.define(queue, LIMITS)
        jobs = [msgspec.structs.replace(burdened(job_id), queue=queue) for job_id in self.names(MANY)]
        self.store.jobs.enqueue(jobs)
        while self.store.queues.empty(queue)[1]:
            pass
        return [job for page in self.store.dead.trash(queue) for job in page][:MANY]

    def stock_delayed(self, count: int) -> None:
        keys, ids = self.store.keys, self.names(count)
        self.store.client.hset(keys.stock_delayed_bodies(QUEUE), mapping={i: _stock(i, {"eta": 2**42}) for i in ids})
        self.store.client.rpush(keys.stock_delayed(QUEUE), *ids)

    def stock_dead(self, count: int) -> None:
        keys, ids = self.store.keys, self.names(count)
        options = {"traceback": "Traceback:\n" + "x" * 8_000 + "\nValueError: no", "retries": 1}
        for at in range(0, count, MANY):
            some = ids[at : at + MANY]
            self.store.client.hset(keys.stock_dead_bodies(QUEUE), mapping={i: _stock(i, options) for i in some})
            self.store.client.zadd(keys.stock_dead(QUEUE), dict.fromkeys(some, 1))


def _line(job_id: str, number: int, length: int = TRACE) -> bytes:
    return f"{job_id}-{number} ".encode() + b'[%d,"failed","%b"]' % (number, b"m" * length)


def _stock(job_id: str, options: dict[str, Any]) -> bytes:
    return codec.encode(Body(QUEUE, "act", [], {}, {"redis_message_id": job_id, **options}, job_id, 0))


def _job(job_id: str, **options: Any) -> NewJob:
    payload = {"to": "user@example.com", "template": "welcome", "n": 1}
    return NewJob(id=job_id, type="act", queue=QUEUE, payload=payload, **options)


def burdened(job_id: str, **options: Any) -> NewJob:
    """A job in a lane of three buckets of its own, with a unique key and an expiry."""
    options.setdefault("expires_ms", DAY_MS)
    lane = f"r:act|{job_id}\nc:act|{job_id}\nc:other|{job_id}"
    return _job(job_id, lane=lane, unique=Unique(f"act|{job_id}", "finished"), **options)


def full_windows(world: World, queue: str, buckets: Sequence[str]) -> None:
    """A sliding window of 100 parts for each bucket, all of which count for long."""
    world.store.limits.define(queue, {"R": f"1000 {DAY_MS} 1 sliding"})
    until = world.store.processes.now_ms() + DAY_MS // 2
    parts = [value for n in range(100) for value in (until + n, 10)]
    state = msgspec.msgpack.encode(["sliding", DAY_MS, *parts])
    world.store.client.mset({world.store.keys.of_limits(queue, f"window:{bucket}"): state for bucket in buckets})
