"""Bodies (Dramatiq messages) and records (what jobctl knows of a job beyond its body), to bytes and back.

Scripts never decode either. A record is written whole by whoever holds the job's token.
"""

from __future__ import annotations

from typing import Any

import msgspec

from jobctl import clock
from jobctl.errors import UsageError
from jobctl.store.data import ids
from jobctl.store.data.records import AttemptRecord

MAX_ATTEMPTS_KEPT = 25
"""Of a job with more attempts, the first and the latest ones are kept; `attempt_count` stays true."""

ARGS_KEY = "$args"
"""Where positional arguments of a stock message appear in the payload."""


class Body(msgspec.Struct, omit_defaults=False):
    """A Dramatiq message. `queue_name` may end in `.DQ` when a stock producer delayed it."""

    queue_name: str
    actor_name: str
    args: list[Any]
    kwargs: dict[str, Any]
    options: dict[str, Any]
    message_id: str
    message_timestamp: int

    @property
    def payload(self) -> dict[str, Any]:
        return {ARGS_KEY: self.args, **self.kwargs} if self.args else self.kwargs


class Lived(msgspec.Struct, array_like=True, omit_defaults=True):
    """An attempt as it is stored. `started` in epoch ms, `duration` in seconds."""

    number: int
    outcome: str
    host: str
    pid: int
    started: int
    duration: float
    error: str | None = None
    message: str | None = None
    traceback: str | None = None


NO_RESULT = msgspec.Raw()
"""Of a job without a result. Always this object: msgspec leaves out what *is* the default, and it decodes no object
into `Raw | None`."""

_SHORT = {
    "attempts": "a",
    "count": "n",
    "spent": "b",
    "result": "r",
    "error": "e",
    "message": "m",
    "group": "g",
    "retries": "x",
    "started": "s",
    "finished": "f",
    "unknown": "u",
}


class Record(msgspec.Struct, omit_defaults=True, rename=_SHORT):
    """What jobctl knows of a job beyond its body.

    `count` is the number of attempts in all; `spent` is how many of them were before the present budget of retries
    began (a retried dead letter starts a new budget). `retries` is the policy's maximum when it last ran. Times in
    epoch ms. `unknown` is since when no worker knew its type.
    """

    attempts: list[Lived] = []
    count: int = 0
    spent: int = 0
    result: msgspec.Raw = NO_RESULT
    error: str | None = None
    message: str | None = None
    group: str | None = None
    retries: int | None = None
    started: int | None = None
    finished: int | None = None
    unknown: int | None = None

    def add(self, attempt: Lived) -> None:
        """Append an attempt, dropping from the middle when there are too many."""
        self.attempts.append(attempt)
        self.count = attempt.number
        if self.started is None:
            self.started = attempt.started
        if len(self.attempts) > MAX_ATTEMPTS_KEPT:
            del self.attempts[1]


_encoder = msgspec.json.Encoder()
_body = msgspec.json.Decoder(Body)
_record = msgspec.json.Decoder(Record)

encode = _encoder.encode


def decode_body(data: bytes) -> Body:
    """Raises ValueError (msgspec.DecodeError, ValidationError) for a body that is not a Dramatiq message."""
    try:
        return _body.decode(data)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def decode_record(data: bytes) -> Record:
    """An empty record for no data; one that cannot be read counts as empty, so that the job itself is not lost."""
    if not data:
        return Record()
    try:
        return _record.decode(data)
    except (ValueError, RecursionError):
        return Record()


def new_body(
    job_id: str,
    job_type: str,
    queue: str,
    payload: dict[str, Any] | msgspec.Raw,
    now_ms: int,
    options: dict[str, Any],
) -> bytes:
    """Encode a new job; a raw payload is JSON already. Raises UsageError if the payload is not JSON."""
    try:
        return encode(Body(queue, job_type, [], payload, options, job_id, now_ms))  # type: ignore[arg-type]
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"payload cannot be written as JSON: {error}") from error


def canonical(queue: str) -> str:
    """The queue a body belongs to: a stock producer's `email.DQ` is read as `email`."""
    return queue.removesuffix(".DQ")


def attempt_record(attempt: Lived) -> AttemptRecord:
    """A stored attempt in the machine format."""
    return AttemptRecord(
        number=attempt.number,
        outcome=attempt.outcome,
        error=attempt.error,
        message=attempt.message,
        traceback=attempt.traceback,
        host=attempt.host,
        pid=attempt.pid,
        started_at=clock.to_datetime(attempt.started),
        duration_s=attempt.duration,
    )


def enqueued_ms(job_id: str, body: Body | None) -> int | None:
    """When a job was enqueued: from its id if it is ours, else from its message."""
    minted = ids.minted_at(job_id)
    if minted is None and body is not None:
        return body.message_timestamp
    return minted
