"""What becomes of a job after an attempt: builds the record, the event and the outcome that the committer writes."""

from __future__ import annotations

import os
import random
import socket

import msgspec

from jobctl import clock, redaction, scrubbing
from jobctl.catalog.model import JobType
from jobctl.engine.attempt import measure, onward
from jobctl.engine.attempt.outcome import Outcome
from jobctl.engine.attempt.retry_policy import Retry, asked_for, decide, has_rate
from jobctl.fingerprint import fingerprint
from jobctl.handlers.base import AttemptCancelled, AttemptTimeout, HandlerFailure
from jobctl.handlers.failure import Failure, describe
from jobctl.handlers.result import encode_result
from jobctl.scrubbing import Scrubber
from jobctl.store.data import attempts, codec, stats
from jobctl.store.data.attempts import Lived, Ran
from jobctl.store.data.codec import Record
from jobctl.store.data.records import Told
from jobctl.store.nouns import events
from jobctl.store.nouns.dead import GroupInfo
from jobctl.store.nouns.settle import Ended, Reserved

EXPIRED = "it did not finish before it expired"
HOST = socket.gethostname()
PID = os.getpid()


class Running(msgspec.Struct, eq=False):
    """A reserved job whose body has been read. `record` is this attempt's to change: it is written back whole.

    `started` and `expires_at` are on `clock.monotonic()`. `lived` is its attempt, once that is over and counts.
    """

    reserved: Reserved
    type: JobType
    body: codec.Body
    record: Record
    label: str | None
    started_ms: int = 0
    started: float = 0.0
    expires_at: float | None = None
    lived: Lived | None = None
    scrub: Scrubber | None = None
    """Takes the payload's secrets out of whatever is written about this job."""

    def __post_init__(self) -> None:
        options, known = self.body.options, self.type.redact
        if (options or known) and (patterns := redaction.combined(options, known)):
            self.scrub = redaction.scrubber(patterns, self.body.payload)
            self.label = scrubbing.scrub(self.scrub, self.label)

    @property
    def number(self) -> int:
        return self.record.count + 1


def completed(job: Running, result: object) -> Outcome:
    """The attempt succeeded."""
    duration = clock.monotonic() - job.started
    record, mark, took = job.record, _mark(job, duration), round(duration, 6)
    record.complete(Ran(HOST, PID, job.started_ms, took))
    record.spent, record.retries = record.count, job.type.retries.max
    job.lived = Lived(record.count, "completed", HOST, PID, job.started_ms, took)
    event = _event(job, "completed", duration, None)
    reserved, found = job.reserved, encode_result(result, job.scrub) or b""
    size = len(reserved.body)
    ended = Ended(reserved.id, reserved.token, codec.encode(record), event, result=found, mark=mark, size=size)
    return Outcome("complete", reserved.queue, ended)


def failed(job: Running, failure: BaseException) -> Outcome:
    """The attempt failed: another run, or a dead letter with its reason. A cancelled one is cancelled."""
    if isinstance(failure, AttemptCancelled):
        return cancelled(job)
    pause_ms = asked_for(failure, job.reserved.lane)
    if pause_ms is not None:
        return slowed(job, pause_ms, str(failure))
    what = describe(failure, job.scrub)
    if isinstance(failure, AttemptTimeout) and job.expires_at is not None and clock.monotonic() >= job.expires_at:
        return given_up(job, Failure("Expired", EXPIRED, what.traceback), lived="timeout")
    if isinstance(failure, AttemptTimeout):
        what = Failure("Timeout", f"ran longer than {job.type.timeout_ms / 1000:g} s", what.traceback)
    retries_done = job.record.count - job.record.spent
    verdict = decide(job.type.retries, failure, retries_done, random.random)
    lived = "timeout" if isinstance(failure, AttemptTimeout) or _timed_out(failure) else "failed"
    if isinstance(verdict, Retry):
        pause_ms = failure.retry_after_ms or 0 if isinstance(failure, HandlerFailure) else 0
        return retried(job, what, verdict.delay_ms, lived=lived, pause_ms=pause_ms)
    return given_up(job, what, lived=lived)


def slowed(job: Running, pause_ms: int, message: str) -> Outcome:
    """The attempt came too early: it does not count. Its rate limits pause, or else the job itself."""
    duration = clock.monotonic() - job.started
    what = scrubbed(job, Failure("RateLimited", message))
    event = _event(job, "limited", duration, what)
    reserved = job.reserved
    if not has_rate(reserved.lane):
        outcome = put_off(reserved, job.record, pause_ms)
        return Outcome("retry", reserved.queue, msgspec.structs.replace(outcome.ended, event=event))
    return Outcome("requeue", reserved.queue, Ended(reserved.id, reserved.token, b"", event, pause_ms=max(1, pause_ms)))


def retried(
    job: Running, what: Failure, delay_ms: int, *, lived: str = "failed", body: bytes = b"", pause_ms: int = 0
) -> Outcome:
    """The attempt failed and the job has another one; `body`, if any, replaces its body.

    `pause_ms` is for how long the other side wants to be left alone by all jobs of the same rate limit.
    """
    duration, what = clock.monotonic() - job.started, scrubbed(job, what)
    mark = _count(job, lived, duration, what)
    job.record.retries, job.record.ready = job.type.retries.max, clock.now_ms() + delay_ms
    job.record.fail(what.error, what.message)
    event = _event(job, "retrying", duration, what)
    return _outcome("retry", job, event, mark, delay_ms=delay_ms, body=body, pause_ms=pause_ms)


def given_up(job: Running, what: Failure, *, lived: str = "failed") -> Outcome:
    """The attempt failed and was the last: the job is a dead letter."""
    duration, what = clock.monotonic() - job.started, scrubbed(job, what)
    mark, took = _count(job, lived, duration, what), round(duration, 6)
    job.record.retries = job.type.retries.max
    reserved, name = job.reserved, job.type.name
    ended = bury(reserved, name, job.record, what, label=job.label, duration=took, lived=job.lived, mark=mark)
    return Outcome("bury", reserved.queue, ended)


def put_off(reserved: Reserved, record: Record, delay_ms: int, body: bytes = b"", *, begun: bool = True) -> Outcome:
    """The job was not run to an end and comes later; no attempt is consumed."""
    record.ready = clock.now_ms() + delay_ms
    ended = Ended(reserved.id, reserved.token, codec.encode(record), delay_ms=delay_ms, body=body, begun=begun)
    return Outcome("retry", reserved.queue, ended)


def cancelled(job: Running) -> Outcome:
    """The attempt stopped because its job was cancelled."""
    duration = clock.monotonic() - job.started
    what = Failure("Cancelled", "cancelled while it was running")
    mark = _count(job, "cancelled", duration, what)
    job.record.fail(what.error, what.message)
    job.record.spent, job.record.ready = job.record.count, 0
    return _outcome("cancelled", job, _event(job, "cancelled", duration, what), mark)


def given_back(reserved: Reserved, *, begun: bool, lane: str = "") -> Outcome:
    """The job is given back as it was, to `lane` or the head of its line; `begun` if some of it may have run."""
    return Outcome("requeue", reserved.queue, Ended(id=reserved.id, token=reserved.token, lane=lane, begun=begun))


def unknown_type(reserved: Reserved, job_type: str, record: Record, patience_ms: int) -> Outcome:
    """No worker here knows the type: it waits for a deploy to bring it, and is dead when that takes too long."""
    record.unknown = record.unknown or clock.now_ms()
    waited = clock.now_ms() - record.unknown
    if waited < patience_ms:
        delay = min(max(waited, 1_000), 30_000)
        return put_off(reserved, record, delay, begun=False)
    what = Failure("UnknownJobType", f"no worker knew the job type `{job_type}` for {waited // 1000} s")
    return refused(reserved, job_type, record, what)


def read_body(reserved: Reserved, record: Record) -> codec.Body | Outcome:
    """The body of a reserved job; the outcome of one that cannot be read, is in the wrong queue or asks for more than
    can be done."""
    try:
        body = codec.decode_body(reserved.body)
    except ValueError as problem:
        return refused(reserved, "?", record, Failure("Quarantined", f"unreadable body: {problem}"))
    if codec.canonical(body.queue_name) != reserved.queue:
        why = f"its body names the queue {body.queue_name[:60]!r}, but it was in the queue `{reserved.queue}`"
        return refused(reserved, body.actor_name, record, Failure("Quarantined", why))
    if body.options and (asked := onward.problem(body.options)):
        return refused(reserved, body.actor_name, record, Failure("Quarantined", asked))
    return body


def refused(reserved: Reserved, job_type: str, record: Record, what: Failure, *, begun: bool = False) -> Outcome:
    """A job that cannot be run at all is dead with the reason, and no attempt; `begun` if some of it may have run."""
    record.unknown = None
    ended = bury(reserved, job_type, record, what, label=None, duration=None, begun=begun)
    return Outcome("bury", reserved.queue, ended)


def bury(
    reserved: Reserved,
    job_type: str,
    record: Record,
    what: Failure,
    *,
    label: str | None,
    duration: float | None,
    lived: Lived | None = None,
    begun: bool = True,
    mark: str = "",
) -> Ended:
    """The end of a job that is now a dead letter, by an attempt that `lived` or without one."""
    record.fail(what.error, what.message)
    record.type, record.label = job_type, label
    record.group = fingerprint(job_type, what.error, what.message, what.traceback)
    record.finished, record.spent, record.ready = clock.now_ms(), record.count, 0
    event = Told(
        at=clock.stamp(record.finished),
        event="dead",
        id=reserved.id,
        type=job_type,
        queue=reserved.queue,
        label=label,
        attempt=record.count,
        error=record.error,
        message=record.message,
        duration_s=duration,
        host=HOST,
        pid=PID,
    )
    attempt, trace = attempts.encode(lived) if lived else (b"", b"")
    return Ended(
        id=reserved.id,
        token=reserved.token,
        record=codec.encode(record),
        event=events.encode(event),
        attempt=attempt,
        trace=trace,
        group=record.group,
        group_info=codec.encode(GroupInfo(job_type, record.error, record.message)),
        begun=begun,
        mark=mark or stats.plain(job_type),
    )


def scrubbed(job: Running, what: Failure) -> Failure:
    """The failure as it may be shown; its group is made of this text, too."""
    using = job.scrub
    if using is None:
        return what
    return Failure(using(what.error), using(what.message), scrubbing.scrub(using, what.traceback))


def _timed_out(failure: BaseException) -> bool:
    return isinstance(failure, HandlerFailure) and "timeout" in failure.match


def _count(job: Running, outcome: str, duration: float, what: Failure) -> str:
    """The attempt counts, and did not complete its job. Returns its mark."""
    trace, took = what.traceback, round(duration, 6)
    job.lived = Lived(job.number, outcome, HOST, PID, job.started_ms, took, what.error, what.message, trace)
    job.record.add(job.lived)
    return _mark(job, duration)


def _mark(job: Running, duration: float) -> str:
    return measure.ended(job.type.name, job.body, job.record, job.started_ms, duration)


def _event(job: Running, kind: str, duration: float, what: Failure | None) -> bytes:
    return events.encode(
        Told(
            at=clock.stamp(clock.now_ms()),
            event=kind,
            id=job.reserved.id,
            type=job.type.name,
            queue=job.reserved.queue,
            label=job.label,
            attempt=job.record.count,
            error=codec.brief(what.error, codec.MAX_ERROR) if what else None,
            message=codec.brief(what.message) if what else None,
            duration_s=round(duration, 6),
            host=HOST,
            pid=PID,
        )
    )


def _outcome(
    kind: str, job: Running, event: bytes, mark: str, *, delay_ms: int = 0, body: bytes = b"", pause_ms: int = 0
) -> Outcome:
    """The outcome of an attempt that counts."""
    assert job.lived is not None
    reserved, record = job.reserved, codec.encode(job.record)
    attempt, trace = attempts.encode(job.lived)
    ended = Ended(
        reserved.id, reserved.token, record, event, attempt, trace, b"", delay_ms, body=body, pause_ms=pause_ms,
        mark=mark,
    )  # fmt: skip
    return Outcome(kind, reserved.queue, ended)
