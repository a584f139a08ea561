"""Jobs as they are shown: the machine format, without what their type's `redact` patterns hide."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from jobctl import clock, redaction
from jobctl.redaction import Patterns, Scrubber, scrub
from jobctl.store import codec, ids, progress
from jobctl.store.jobs import Found, NewJob
from jobctl.store.records import AttemptRecord, Job


def fresh(job: NewJob) -> Job:
    """The machine format of a job that has just been enqueued, without asking Redis again."""
    now = clock.now_ms()
    due = now + job.delay_ms if job.delay_ms else job.at_ms
    return Job(
        id=job.id,
        type=job.type,
        queue=job.queue,
        state="delayed" if due and due > now else "waiting",
        priority=job.priority,
        label=job.label,
        parent=job.parent,
        payload=redaction.hide(job.redact, job.payload),
        enqueued_at=clock.to_datetime(ids.minted_at(job.id) or now),
        due_at=clock.to_datetime(due) if due else None,
    )


def to_job(found: Found, *, unredacted: bool = False) -> Job:
    """The machine format of a job. A body that cannot be read shows as type "?" with no payload.

    What is to be hidden of its payload is hidden here, in the payload and in all that was made from it; `unredacted`
    leaves the payload as it is.
    """
    try:
        body = codec.decode_body(found.body)
    except ValueError:
        body = None
    record, options = found.record, body.options if body else {}
    enqueued = codec.enqueued_ms(found.id, body)
    due, started, finished = _times(found)
    job = Job(
        id=found.id,
        type=body.actor_name if body else "?",
        queue=found.queue,
        state=found.state,
        priority=found.priority,
        label=options.get("label"),
        parent=options.get("parent"),
        payload=body.payload if body else None,
        enqueued_at=clock.to_datetime(enqueued) if enqueued is not None else None,
        due_at=clock.to_datetime(due) if due else None,
        started_at=clock.to_datetime(started) if started else None,
        finished_at=clock.to_datetime(finished) if finished else None,
        max_retries=record.retries,
        attempt_count=record.count,
        attempts=tuple(codec.attempt_record(attempt) for attempt in record.attempts),
        progress=progress.record(found.progress),
        result=msgspec.json.decode(record.result) if record.result is not codec.NO_RESULT else None,
        error=record.error,
        message=record.message,
    )
    patterns = redaction.combined(options, found.rules(job.type))
    return hidden(job, patterns, payload_too=not unredacted) if patterns else job


def _times(found: Found) -> tuple[int | None, int | None, int | None]:
    """(due, started, finished) in epoch ms, from the state's detail and the record."""
    due, started, finished = None, found.record.started, None
    if found.state in ("delayed", "retrying"):
        due = round(float(found.detail))
    elif found.state == "running":
        started = int(found.detail.rpartition("|")[2])
    elif found.state in ("completed", "cancelled", "dead"):
        finished = round(float(found.detail))
    elif found.state == "discarded":
        finished = found.record.finished
    return due, started, finished


def scrubber_of(found: Found) -> Scrubber | None:
    """What takes the secrets of a job's payload out of texts; None if it has none."""
    try:
        body = codec.decode_body(found.body)
    except ValueError:
        return None
    return redaction.scrubber(redaction.combined(body.options, found.rules(body.actor_name)), body.payload)


def hidden(job: Job, patterns: Patterns, *, payload_too: bool = True) -> Job:
    """The job with its payload's secrets hidden, and scrubbed from every text that was made from it.

    The texts were scrubbed when they were written if the patterns were known then; those of jobs that are older than
    the patterns, or that stock Dramatiq ran, were not.
    """
    secrets = redaction.scrubber(patterns, job.payload)
    payload = redaction.hide(patterns, job.payload) if payload_too else job.payload
    if secrets is None:
        return replace(job, payload=payload)
    progress = job.progress
    return replace(
        job,
        payload=payload,
        label=scrub(secrets, job.label),
        error=scrub(secrets, job.error),
        message=scrub(secrets, job.message),
        attempts=tuple(_attempt(secrets, attempt) for attempt in job.attempts),
        progress=progress and replace(progress, message=scrub(secrets, progress.message)),
        result=secrets.value(job.result),
    )


def _attempt(secrets: Scrubber, attempt: AttemptRecord) -> AttemptRecord:
    return replace(
        attempt,
        error=scrub(secrets, attempt.error),
        message=scrub(secrets, attempt.message),
        traceback=scrub(secrets, attempt.traceback),
    )
