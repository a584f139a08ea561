"""What `redact` patterns hide, taken out of records and of texts about a job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from jobctl import redaction
from jobctl.redaction import Patterns
from jobctl.scrubbing import Scrubber, scrub
from jobctl.store.data import codec
from jobctl.store.data.records import AttemptRecord, Job

if TYPE_CHECKING:
    from jobctl.store.data.found import Found


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
    payload = redaction.shown(patterns, job.payload) if payload_too else job.payload
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
        held=tuple(replace(hold, key=scrub(secrets, hold.key)) for hold in job.held),
    )


def _attempt(secrets: Scrubber, attempt: AttemptRecord) -> AttemptRecord:
    return replace(
        attempt,
        error=scrub(secrets, attempt.error),
        message=scrub(secrets, attempt.message),
        traceback=scrub(secrets, attempt.traceback),
    )
