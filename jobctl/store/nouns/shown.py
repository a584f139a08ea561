"""Jobs in the machine format: the record that scripts may rely on, made of what is in Redis."""

from __future__ import annotations

import msgspec

from jobctl import clock, redaction
from jobctl.store.data import attempts, codec
from jobctl.store.data.found import Found
from jobctl.store.data.hidden import hidden
from jobctl.store.data.records import Hold, Job
from jobctl.store.data.states import BY_NAME
from jobctl.store.nouns import progress


def to_job(found: Found, *, unredacted: bool = False, held: tuple[Hold, ...] = ()) -> Job:
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
        state=found.seen_as,
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
        attempts=tuple(map(attempts.record_of, found.attempts)),
        progress=progress.record(found.progress),
        result=msgspec.json.decode(found.result) if found.result else None,
        error=record.error,
        message=_message(found),
        held=held,
    )
    patterns = redaction.combined(options, found.rules(job.type))
    return hidden(job, patterns, payload_too=not unredacted) if patterns else job


def _message(found: Found) -> str | None:
    """The text of the last failure: whole where the attempts are known, else as the record has it."""
    record, last = found.record, found.attempts[-1] if found.attempts else None
    if last is None or last.message is None or codec.brief(last.message) != record.message:
        return record.message
    return last.message


def _times(found: Found) -> tuple[int | None, int | None, int | None]:
    """(due, started, finished) in epoch ms, from the state's detail and the record."""
    due, started, finished = None, found.record.began, None
    match BY_NAME[found.state].moment:
        case "due":
            due = round(float(found.detail))
        case "started":
            started = found.began_ms or started
        case "finished":
            finished = round(float(found.detail))
        case "expires":
            finished = found.record.finished
    return due, started, finished
