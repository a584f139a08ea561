"""Bodies (Dramatiq messages) and records (what lists say of a job beyond its body), to bytes and back.

Scripts never decode either.
"""

from __future__ import annotations

from typing import Any

import msgspec

from jobctl.errors import UsageError
from jobctl.store.data import ids
from jobctl.store.data.attempts import Lived, Ran

MAX_ERROR, MAX_MESSAGE = 200, 500
"""Characters of an error's class and of its message in what lists read. `job show` has the whole message."""

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


_SHORT = {
    "count": "n",
    "spent": "b",
    "error": "e",
    "message": "m",
    "group": "g",
    "type": "t",
    "label": "l",
    "retries": "x",
    "started": "s",
    "finished": "f",
    "unknown": "u",
    "ran": "d",
    "ready": "y",
}


class Record(msgspec.Struct, omit_defaults=True, rename=_SHORT):
    """What lists show of a job besides its body: short, and always written as a whole, by the holder of the job's
    token.

    `count` is the number of attempts in all, which are apart (see attempts.py); `spent` is how many of them were before
    the present budget of retries began (a retried dead letter starts a new budget). `retries` is the policy's maximum
    when it last ran. `error` and `message` are those of the last failure, cut by `fail`. Times in epoch ms; `started`
    is left out where `ran` says it. `unknown` is since when no worker knew its type. Of a dead letter, `type` and
    `label` are its body's. `ran` is the attempt that completed the job.
    `ready` is when it became ready to run, if that was not when it was enqueued; 0 if nobody knows.
    """

    count: int = 0
    spent: int = 0
    error: str | None = None
    message: str | None = None
    group: str | None = None
    type: str | None = None
    label: str | None = None
    retries: int | None = None
    started: int | None = None
    finished: int | None = None
    unknown: int | None = None
    ran: Ran | None = None
    ready: int | None = None

    def add(self, attempt: Lived) -> None:
        """There was another attempt, that did not complete the job."""
        self.count = attempt.number
        if self.started is None:
            self.started = attempt.started

    @property
    def is_of_death(self) -> bool:
        """Whether the latest thing that happened to the job is that it died; a retry alone changes nothing here."""
        return bool(self.group and self.finished) and self.count == self.spent and self.ran is None

    def complete(self, ran: Ran) -> None:
        """The next attempt completed the job."""
        self.count += 1
        self.ran = ran
        self.error = self.message = self.group = self.type = self.label = None

    def fail(self, error: str | None, message: str | None) -> None:
        """Why the job failed last."""
        self.error, self.message = brief(error, MAX_ERROR), brief(message)

    @property
    def began(self) -> int | None:
        """When the first attempt began."""
        return self.ran.started if self.started is None and self.ran is not None else self.started


def brief(text: str | None, limit: int = MAX_MESSAGE) -> str | None:
    """A text as it stands in records, events and groups, whole where it is short."""
    return text if text is None or len(text) <= limit else f"{text[: limit - 1]}…"


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


def enqueued_ms(job_id: str, body: Body | None) -> int | None:
    """When a job was enqueued: from its id if it is ours, else from its message."""
    minted = ids.minted_at(job_id)
    if minted is None and body is not None:
        return body.message_timestamp
    return minted


def ready_ms(body: Body, record: Record, enqueued: int) -> int | None:
    """Since when a job has been ready to start, in epoch ms: enqueued, due, or due again after a failure. None if that
    is not known: it was dead or cancelled, and somebody retried it."""
    if record.ready is not None:
        return record.ready or None
    eta = body.options.get("eta") if body.options else None
    return int(eta) if isinstance(eta, int | float) else enqueued
