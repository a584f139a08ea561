"""How long a job waited and ran, as statistics count it."""

from __future__ import annotations

from jobctl.store.data import codec, stats

SKEW_MS = 1_000
"""A job that was ready so much later than it started was made to start early by hand: it did not wait."""


def waited_ms(body: codec.Body, record: codec.Record, started_ms: int) -> int | None:
    """How long it waited until it started; None if that is not known."""
    if record.ready is None and not body.options:
        waited = started_ms - body.message_timestamp  # most jobs, in a third of the time
    else:
        ready = codec.ready_ms(body, record, body.message_timestamp)
        if ready is None:
            return None
        waited = started_ms - ready
    return waited if waited > 0 else 0 if waited > -SKEW_MS else None


def begun(job_type: str, body: codec.Body, record: codec.Record, started_ms: int) -> str:
    """The mark of an attempt that has begun."""
    return stats.mark(job_type, waited_ms(body, record, started_ms))


def ended(job_type: str, body: codec.Body, record: codec.Record, started_ms: int, duration_s: float) -> str:
    """The mark of an attempt that is over. Ask before its record says what comes next."""
    return stats.mark(job_type, waited_ms(body, record, started_ms), duration_s * 1000)
