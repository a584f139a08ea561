"""What stock Dramatiq wrote: its .DQ and .XQ are inboxes that jobctl takes in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from jobctl import clock
from jobctl.fingerprint import fingerprint
from jobctl.store import codec, ids
from jobctl.store.connection import mapping
from jobctl.store.dead import GroupInfo

if TYPE_CHECKING:
    from jobctl.store.store import Store

BATCH = 200
RETRY_OPTIONS = ("retries", "traceback", "eta", "requeue_timestamp")
"""Options that would make a stock worker give up on, or hold back, a dead letter that is enqueued again."""


class Stock:
    """The inboxes of a namespace."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def take_delayed(self, queue: str) -> int:
        """Take in what stock producers delayed; returns how many messages."""
        keys, client, total = self._store.keys, self._store.client, 0
        while True:
            with mapping():
                found = client.lrange(keys.stock_delayed(queue), 0, BATCH - 1)
                bodies = client.hmget(keys.stock_delayed_bodies(queue), found) if found else []
            if not found:
                return total
            args = [part for i, body in zip(found, bodies, strict=True) for part in (i, _eta(body))]
            self._store.jobs.add_aliases(_aliases(found, bodies))
            total += int(self._store.run("intake_delayed", queue, queue, *args))

    def take_dead(self, queue: str) -> int:
        """Take in what stock workers left dead; returns how many messages."""
        keys, client, total = self._store.keys, self._store.client, 0
        while True:
            with mapping():
                rows = client.zrange(keys.stock_dead(queue), 0, BATCH - 1, withscores=True)
                bodies = client.hmget(keys.stock_dead_bodies(queue), [row[0] for row in rows]) if rows else []
            if not rows:
                return total
            self._store.jobs.add_aliases(_aliases([row[0] for row in rows], bodies))
            args: list[Any] = []
            for (stock_id, died), body in zip(rows, bodies, strict=True):
                args += (stock_id, ids.readable(stock_id), *_letter(queue, body or b"", int(died)))
            total += int(self._store.run("intake_dead", queue, queue, *args))


def _aliases(found: Sequence[bytes], bodies: Sequence[bytes | None]) -> Iterator[tuple[str, str]]:
    """(the message's own id, the id that its job will have), of bodies that can be read."""
    for stock_id, data in zip(found, bodies, strict=True):
        with suppress(ValueError):
            yield codec.decode_body(data or b"").message_id, ids.readable(stock_id)


def _eta(data: bytes | None) -> int:
    """When a delayed message is due, epoch ms; one that cannot be read is due now (and is then quarantined)."""
    try:
        eta = codec.decode_body(data or b"").options.get("eta")
    except ValueError:
        eta = None
    return int(eta) if isinstance(eta, (int, float)) else clock.now_ms()


def _letter(queue: str, data: bytes, died_ms: int) -> tuple[bytes, bytes, str, bytes, int]:
    """(body, record, group, group info, died_at) of a stock dead letter."""
    try:
        body = codec.decode_body(data)
    except ValueError as problem:
        return _buried(data, codec.Record(finished=died_ms), "?", "Quarantined", str(problem), "", died_ms)
    trace = body.options.get("traceback")
    trace = trace if isinstance(trace, str) else ""
    error, message = _reason(trace)
    retries = body.options.get("retries")
    count = retries if isinstance(retries, int) else 1
    record = codec.Record(count=count, spent=count, finished=died_ms)
    if trace:
        record.attempts.append(codec.Lived(count, "failed", "?", 0, died_ms, 0.0, error, message, trace[-8000:]))
    body.queue_name = queue
    for option in RETRY_OPTIONS:
        body.options.pop(option, None)
    return _buried(codec.encode(body), record, body.actor_name, error, message, trace, died_ms)


def _buried(
    body: bytes, record: codec.Record, job_type: str, error: str, message: str, trace: str, died_ms: int
) -> tuple[bytes, bytes, str, bytes, int]:
    record.error, record.message = error, message
    record.group = fingerprint(job_type, error, message, trace)
    return (
        body,
        codec.encode(record),
        record.group,
        codec.encode(GroupInfo(job_type, error, message)),
        died_ms,
    )


def _reason(trace: str) -> tuple[str, str]:
    """(error class, message) from a traceback's last line."""
    lines = trace.strip().splitlines()
    if not lines:
        return "Unknown", "stock Dramatiq kept no reason"
    name, _, message = lines[-1].partition(": ")
    return name.rpartition(".")[2] or "Unknown", message
