"""What stock Dramatiq wrote: its .DQ and .XQ are inboxes that jobctl takes in."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from jobctl import clock, redaction, scrubbing
from jobctl.fingerprint import fingerprint
from jobctl.store.data import attempts, codec, ids
from jobctl.store.data.found import Found
from jobctl.store.data.indexed import encoded
from jobctl.store.nouns.dead import GroupInfo
from jobctl.store.nouns.indexes import Indexes
from jobctl.store.nouns.untaken import Known, of_body
from jobctl.store.nouns.walk import walk_down
from jobctl.store.wire import steps
from jobctl.store.wire.connection import mapping
from jobctl.store.wire.steps import Rows

if TYPE_CHECKING:
    from jobctl.store.wire.namespace import Namespace

BATCH = 200
UNREADABLE = "?"
"""What stands for the type of a message that cannot be read."""
MAX_MESSAGE = 2_000
MAX_TRACEBACK = 8_000
RETRY_OPTIONS = ("retries", "traceback", "eta", "requeue_timestamp")
"""Options that would make a stock worker give up on, or hold back, a dead letter that is enqueued again."""


class Letter(msgspec.Struct, frozen=True):
    """A stock dead letter as jobctl keeps it."""

    id: str
    body: bytes
    record: codec.Record
    info: GroupInfo
    died_ms: int
    lived: attempts.Lived | None = None

    @property
    def name(self) -> str | None:
        """The name in the message; None if that could not be read."""
        return None if self.info.type == UNREADABLE else self.info.type


class Taken(NamedTuple):
    """What one batch did: how many messages it took in, how many it passed over, and whether there may be more."""

    taken: int
    passed: int = 0
    more: bool = False


def _everything(_name: str | None) -> bool:
    return True


class Stock:
    """The inboxes of a namespace."""

    def __init__(self, store: Namespace) -> None:
        self._store = store

    def take_delayed(self, queue: str) -> Taken:
        """Take in a batch of what stock producers delayed."""
        keys, client = self._store.keys, self._store.client
        with mapping():
            found = client.lrange(keys.stock_delayed(queue), 0, BATCH - 1)
            bodies = client.hmget(keys.stock_delayed_bodies(queue), found) if found else []
        if not found:
            return Taken(0)
        known = Indexes(self._store).by_type(queue)
        rows = [
            (i, _eta(body), _alias(ids.read(i), body), *_indexed(body, known))
            for i, body in zip(found, bodies, strict=True)
        ]
        taken = sum(steps.each(self._store, Rows("intake_delayed", queue, (queue,), rows)))
        return Taken(taken, more=len(found) == BATCH)

    def count_dead(self, queue: str) -> int:
        """How many messages stock workers left dead that are not yet taken in."""
        with mapping():
            return int(self._store.client.zcard(self._store.keys.stock_dead(queue)))

    def counts_dead(self, queues: Sequence[str]) -> Iterator[tuple[str, int]]:
        """The queues whose inboxes are not empty, and how much they hold: one round trip per 1,000."""
        for start in range(0, len(queues), 1_000):
            some = queues[start : start + 1_000]
            with mapping():
                pipe = self._store.client.pipeline(transaction=False)
                for queue in some:
                    pipe.zcard(self._store.keys.stock_dead(queue))
                counts = pipe.execute()
            yield from ((queue, int(count)) for queue, count in zip(some, counts, strict=True) if count)

    def take_dead(
        self, queue: str, limit: int = BATCH, *, passing: int = 0, judges: Callable[[str | None], bool] = _everything
    ) -> Taken:
        """Take in a batch of what stock workers left dead, at most `limit`, after the first `passing`.

        `judges` says of a message's name (None for one that cannot be read) whether its letter is the caller's.
        """
        read = self._read(queue, passing, limit)
        own = [(stock_id, letter) for stock_id, letter in read if judges(letter.name)]
        taken = 0
        if own:
            known = Indexes(self._store).by_type(queue)
            rows = [(stock_id, *_row(letter), *_indexed(letter.body, known)) for stock_id, letter in own]
            taken = sum(steps.each(self._store, Rows("intake_dead", queue, (queue,), rows)))
        return Taken(taken, len(read) - len(own), len(read) == limit)

    def scan_dead(self, queue: str) -> Iterator[list[Found]]:
        """All that `take_dead` would take in, newest first, in batches, as it would be found; nothing is written."""
        for page in walk_down(self._store, self._store.keys.stock_dead(queue), page=BATCH):
            yield self._found(queue, self._with_times(queue, [_raw(i) for i in page]))

    def find_dead(self, queue: str, job_ids: Iterable[str]) -> list[Found]:
        """Those of the jobs that lie in the inbox of a queue, found as by `scan_dead`."""
        return self._found(queue, self._with_times(queue, [raw for i in job_ids for raw in _raws(i)]))

    def _with_times(self, queue: str, raw_ids: Sequence[bytes]) -> list[tuple[bytes, float]]:
        with mapping():
            times = self._store.client.zmscore(self._store.keys.stock_dead(queue), raw_ids) if raw_ids else []
        return [(raw, died) for raw, died in zip(raw_ids, times, strict=True) if died is not None]

    def _found(self, queue: str, rows: Sequence[tuple[bytes, float]]) -> list[Found]:
        return [
            Found(
                id=letter.id,
                queue=queue,
                state="dead",
                detail=str(letter.died_ms),
                body=letter.body,
                record=letter.record,
                priority=0,
                cancelling=False,
                crashes=0,
                rules=self._store.rules,
                attempts=(letter.lived,) if letter.lived else (),
            )
            for _, letter in self._letters(queue, rows)
        ]

    def _read(self, queue: str, start: int, count: int) -> list[tuple[bytes, Letter]]:
        """The oldest letters from a place on, each with its id in the inbox."""
        key = self._store.keys.stock_dead(queue)
        with mapping():
            rows = self._store.client.zrange(key, start, start + count - 1, withscores=True)
        return self._letters(queue, rows)

    def _letters(self, queue: str, rows: Sequence[tuple[bytes, float]]) -> list[tuple[bytes, Letter]]:
        """The letters of (id, when it died), each with its id in the inbox."""
        keys, client, raw_ids = self._store.keys, self._store.client, [row[0] for row in rows]
        with mapping():
            bodies = client.hmget(keys.stock_dead_bodies(queue), raw_ids) if rows else []
            records = client.hmget(keys.records(queue), raw_ids) if rows else []
        return [
            (raw, self._letter(queue, ids.readable(raw), body or b"", codec.decode_record(record or b""), died))
            for (raw, died), body, record in zip(rows, bodies, records, strict=True)
        ]

    def _letter(self, queue: str, job_id: str, data: bytes, record: codec.Record, died: float) -> Letter:
        """A letter with its texts scrubbed of what the catalog hides, which stock Dramatiq wrote in full."""
        return _letter(queue, job_id, data, record, died, self._store.rules)


def _raw(job_id: str) -> bytes:
    return job_id.encode("utf-8", "surrogateescape")


def _raws(job_id: str) -> list[bytes]:
    """The ids in an inbox that may stand for a job of that id: `ids.readable` is the way there."""
    return [_raw(job_id), *([bytes.fromhex(job_id[1:])] if re.fullmatch("x([0-9a-f]{2})+", job_id) else [])]


def _row(letter: Letter) -> tuple[str | bytes | int, ...]:
    record, info = codec.encode(letter.record), codec.encode(letter.info)
    lived, trace = attempts.encode(letter.lived) if letter.lived else (b"", b"")
    alias = _alias(letter.id, letter.body)
    return (letter.id, letter.body, record, letter.record.group or "", info, letter.died_ms, lived, trace, alias)


def _indexed(data: bytes | None, known: Mapping[str, Known]) -> tuple[str, bytes]:
    """A message's type and its entries in indexes, as a script takes them."""
    one = of_body(data or b"", known, "")
    return one.type, encoded(one.entries)


def _alias(job_id: str, data: bytes | None) -> str:
    """By what else a job will be found, as a script takes it; none if its body cannot be read."""
    try:
        return ids.alias(job_id, codec.decode_body(data or b"").message_id)
    except ValueError:
        return ""


def _eta(data: bytes | None) -> int:
    """When a delayed message is due, epoch ms; one that cannot be read is due now (and is then quarantined)."""
    try:
        eta = codec.decode_body(data or b"").options.get("eta")
    except ValueError:
        eta = None
    return int(eta) if isinstance(eta, (int, float)) and 0 <= eta <= clock.LAST_MS else clock.now_ms()


def _letter(queue: str, job_id: str, data: bytes, record: codec.Record, died: float, rules: redaction.Rules) -> Letter:
    """A letter made of a message and of what is known of the job from before, if it was retried and died again."""
    died_ms = int(min(max(died, 0), clock.now_ms()))  # the clock of the worker's machine may be ahead
    record.finished = died_ms
    try:
        body = codec.decode_body(data)
    except ValueError as problem:
        return _filed(job_id, data, record, GroupInfo(UNREADABLE, "Quarantined", str(problem)), "")
    options = body.options
    trace, retries = options.get("traceback"), options.get("retries")
    secrets = redaction.scrubber(redaction.combined(options, rules(body.actor_name)), body.payload)
    trace = scrubbing.scrub(secrets, trace) or "" if isinstance(trace, str) else ""
    error, message = read_reason(trace)
    failed = retries if isinstance(retries, int) and 0 <= retries < 1_000_000 else 0
    lived = None
    if trace:
        # The stored body is the one of the last retry: it tells of the attempt before the one that killed the job.
        number = record.count + max(1, failed)
        lived = attempts.Lived(number, "failed", "?", 0, died_ms, 0.0, error, message, trace[-MAX_TRACEBACK:])
    record.count += failed + 1
    record.spent = record.count
    body.queue_name = queue
    options["redis_message_id"] = job_id  # a stock worker acknowledges by this one
    for option in RETRY_OPTIONS:
        options.pop(option, None)
    try:
        data = codec.encode(body)
    except (TypeError, ValueError, RecursionError) as problem:
        return _filed(job_id, data, record, GroupInfo(body.actor_name, "Quarantined", str(problem)), "")
    return _filed(job_id, data, record, GroupInfo(body.actor_name, error, message), trace, lived)


def _filed(
    job_id: str,
    body: bytes,
    record: codec.Record,
    info: GroupInfo,
    trace: str,
    lived: attempts.Lived | None = None,
) -> Letter:
    record.fail(info.error, info.message)
    record.type = info.type
    record.group = fingerprint(info.type, info.error or "", info.message or "", trace)
    brief = GroupInfo(info.type, record.error, record.message)
    return Letter(job_id, body, record, brief, record.finished or 0, lived)


_RAISED = re.compile(r"(?P<name>[^\W\d][\w.]*(?:\.<locals>\.\w+)*)(?:: (?P<message>.*))?", re.DOTALL)


def read_reason(trace: str) -> tuple[str, str]:
    """(error class, message) out of a traceback: what stands, unindented, below its last frame."""
    lines = trace.rstrip().splitlines()
    if not lines:
        return "Unknown", "stock Dramatiq kept no reason"
    frames = [number for number, line in enumerate(lines) if line.startswith('  File "')]
    told = _after(lines, frames[-1] + 1 if frames else len(lines) - 1)
    match = _RAISED.fullmatch("\n".join(told))
    if match is None:
        return "Unknown", lines[-1].strip()[:MAX_MESSAGE]
    return match["name"].rpartition(".")[2], (match["message"] or "")[:MAX_MESSAGE]


def _after(lines: Sequence[str], start: int) -> Sequence[str]:
    """The lines from the first unindented one on."""
    first = next((n for n in range(start, len(lines)) if lines[n][:1] not in ("", " ")), len(lines) - 1)
    return lines[first:]
