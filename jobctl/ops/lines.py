"""Many jobs from lines of JSON: read as they come, checked, written in batches, never all in memory.

One thread reads and checks lines while the caller's thread writes the batch before to Redis. Every read is a batch of
its own (at most 64 KiB), so that lines of a slow producer do not wait for others.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from queue import SimpleQueue
from typing import Any

import msgspec

from jobctl import clock
from jobctl.errors import JobctlError, UsageError
from jobctl.ops.payloads import shape
from jobctl.ops.when import parse_at
from jobctl.producer import Producer
from jobctl.store import Store
from jobctl.store.data.newjob import Closed, Enqueued, NewJob, conflict

ANY_TYPE = "-"
READ_BYTES = 65_536
AHEAD = 4
"""How many batches may be ready before the one that is being written."""


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that was not accepted, and why. `number` counts from 1."""

    number: int
    reason: str


@dataclass(frozen=True, slots=True)
class Batch:
    """What one read brought. `numbers` are the jobs' lines; `position` is how many bytes have been read in all."""

    jobs: list[NewJob]
    numbers: list[int]
    bad: list[BadLine]
    lines: int
    position: int


@dataclass(slots=True)
class Written:
    """What became of a batch: of the jobs that were accepted, and of the other lines."""

    jobs: list[Enqueued]
    bad: list[BadLine]


@dataclass(slots=True)
class Tally:
    """What has happened so far. Of the `accepted`, some were `known` by their id, some `skipped` because another job
    holds their unique key, and some `replaced` one. `conflicts` are lines refused for their unique key, `bad` all other
    lines that were not accepted. `uncertain` were being written when Redis went away.
    """

    lines: int = 0
    accepted: int = 0
    known: int = 0
    skipped: int = 0
    replaced: int = 0
    conflicts: int = 0
    bad: int = 0
    uncertain: int = 0
    position: int = 0


@dataclass(frozen=True, slots=True)
class Defaults:
    """What holds for lines that do not say otherwise."""

    type: str = ANY_TYPE
    delay: str | None = None
    at: datetime | None = None
    priority: str | None = None
    expires: str | None = None
    parent: str | None = None


class _Line(msgspec.Struct, forbid_unknown_fields=True):
    """A line that names its own type."""

    type: str
    payload: msgspec.Raw = msgspec.Raw(b"{}")
    id: str | None = None
    delay: str | float | None = None
    at: str | None = None
    priority: int | str | None = None
    expires: str | float | None = None


_decode = msgspec.json.Decoder().decode
_decode_line = msgspec.json.Decoder(_Line).decode


class Lines:
    """Makes jobs of lines."""

    def __init__(self, producer: Producer, defaults: Defaults) -> None:
        self._producer = producer
        self._defaults = defaults
        self.longest = 2 * producer.catalog.max_payload_bytes + 4_096

    def job(self, line: bytes) -> NewJob:
        """The job of one line. Raises UsageError or ValueError for one that cannot be used."""
        given = self._defaults
        if given.type == ANY_TYPE:
            return self._own(line)
        return self._producer.prepare(
            given.type,
            _object(line),
            delay=given.delay,
            at=given.at,
            priority=given.priority,
            expires=given.expires,
            parent=given.parent,
            encoded=line,
        )

    def _own(self, line: bytes) -> NewJob:
        own, given = _decode_line(line), self._defaults
        encoded = bytes(own.payload)
        timed = own.delay is not None or own.at is not None
        return self._producer.prepare(
            own.type,
            _object(encoded),
            id=own.id,
            delay=own.delay if timed else given.delay,
            at=clock.to_datetime(parse_at(own.at)) if own.at else None if timed else given.at,
            priority=given.priority if own.priority is None else own.priority,
            expires=given.expires if own.expires is None else own.expires,
            parent=given.parent,
            encoded=encoded,
        )


def _object(data: bytes) -> dict[str, Any]:
    value = _decode(data)
    if type(value) is not dict:
        raise UsageError(f"a payload must be a JSON object, not {shape(value)}")
    return value


class _Reader(threading.Thread):
    """Reads lines from a descriptor and makes batches of them. It reads past Python's buffers: a thread that is blocked
    in those would keep the process from ending."""

    def __init__(self, descriptor: int, lines: Lines, out: Callable[[Any], None], room: threading.Semaphore) -> None:
        super().__init__(name="lines", daemon=True)
        self._descriptor = descriptor
        self._lines = lines
        self._out = out
        self._room = room
        self._number = 0
        self._position = 0
        self._skipping = False

    def run(self) -> None:
        try:
            for chunk in self._chunks():
                batch = self._batch(chunk)
                self._room.acquire()
                self._out(batch)
            self._out(None)
        except BaseException as error:  # noqa: BLE001 - it is raised again in the caller's thread
            self._out(error)

    def _chunks(self) -> Iterator[list[bytes]]:
        """Whole lines, as many as one read brought."""
        rest = b""
        while data := os.read(self._descriptor, READ_BYTES):
            self._position += len(data)
            *lines, rest = (rest + data).split(b"\n") if rest else data.split(b"\n")
            if len(rest) > self._lines.longest:
                lines.append(rest)
                rest = b""
                yield lines
                self._skipping = True
                continue
            if lines:
                yield lines
        if rest:
            yield [rest]

    def _batch(self, lines: list[bytes]) -> Batch:
        jobs: list[NewJob] = []
        numbers: list[int] = []
        bad: list[BadLine] = []
        make, longest = self._lines.job, self._lines.longest
        before = self._number
        for line in lines:
            if self._skipping:  # the rest of a line that was too long
                self._skipping = False
                continue
            self._number += 1
            if len(line) > longest:
                bad.append(BadLine(self._number, f"longer than {longest} bytes"))
            elif line and not line.isspace():
                try:
                    jobs.append(make(line))
                    numbers.append(self._number)
                except (JobctlError, ValueError, RecursionError) as problem:
                    bad.append(BadLine(self._number, _reason(problem)))
        return Batch(jobs, numbers, bad, self._number - before, self._position)


def _reason(problem: Exception) -> str:
    if isinstance(problem, JobctlError):
        return str(problem)
    if isinstance(problem, RecursionError):
        return "nested too deeply"
    return f"not a job: {problem}"


@dataclass(slots=True)
class Bulk:
    """One run of `enqueue --from`. `stop` ends it before the next batch; it may be called from a signal handler."""

    store: Store
    producer: Producer
    descriptor: int
    defaults: Defaults
    tally: Tally = field(default_factory=Tally)
    stopped: bool = False
    refused: Closed | None = None
    _inbox: SimpleQueue[Any] = field(default_factory=SimpleQueue)

    def stop(self) -> None:
        self.stopped = True
        self._inbox.put(None)

    def run(self) -> Iterator[Written]:
        """Write the jobs, batch by batch.

        Raises RedisUnavailable, or Closed while a pause keeps producers out; `tally` is true at every moment.
        """
        room = threading.Semaphore(AHEAD)
        _Reader(self.descriptor, Lines(self.producer, self.defaults), self._inbox.put, room).start()
        while (batch := self._inbox.get()) is not None and not self.stopped:
            if isinstance(batch, BaseException):
                raise batch
            room.release()
            yield self._write(batch)
            if self.refused is not None:
                raise self.refused

    def _write(self, batch: Batch) -> Written:
        """Write one batch. If a pause keeps producers out, `refused` is set, and what was added before it is told."""
        tally = self.tally
        tally.uncertain = len(batch.jobs)
        try:
            done = self.store.jobs.enqueue(batch.jobs)
        except Closed as error:
            self.refused = error
            added = [place for place, one in enumerate(error.done) if one is not None]
            batch = replace(batch, numbers=[batch.numbers[place] for place in added])
            done = [one for one in error.done if one is not None]
        tally.uncertain = 0
        written = self._sort(batch, done)
        tally.lines += batch.lines
        tally.accepted += len(written.jobs)
        tally.bad += len(batch.bad)
        tally.position = batch.position
        return written

    def _sort(self, batch: Batch, done: list[Enqueued]) -> Written:
        """Tell the accepted from those refused for their unique key, and count what is not simply enqueued."""
        counts = Counter([one.outcome for one in done])
        self.tally.known += counts["known"]
        self.tally.skipped += counts["skipped"]
        self.tally.replaced += counts["replaced"]
        self.tally.conflicts += counts["conflict"]
        if not counts["conflict"]:
            return Written(done, batch.bad)
        rows = zip(batch.numbers, done, strict=True)
        refused = [BadLine(n, str(conflict(one))) for n, one in rows if one.outcome == "conflict"]
        bad = sorted([*batch.bad, *refused], key=lambda line: line.number)
        return Written([one for one in done if one.outcome != "conflict"], bad)
