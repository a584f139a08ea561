"""Whether a fetched job may start: one that is past its time, of a paused type, or whose limits nobody knew may not.

A script judges limits by a job's lane. A job that came without one, or with another than its catalog says (a stock
message, one enqueued under an older catalog), is given back with its lane, and so is one of a paused type: no attempt
is consumed.
"""

from __future__ import annotations

from collections.abc import Container

from jobctl import clock
from jobctl import flow as flow_control
from jobctl.engine.attempt import verdict
from jobctl.engine.attempt.outcome import Outcome
from jobctl.engine.attempt.verdict import Running
from jobctl.errors import UsageError
from jobctl.flow import Flow
from jobctl.handlers.failure import Failure
from jobctl.store.data import ids
from jobctl.store.nouns.settle import Ended, Reserved


def held_back(job: Running, flow: Flow | None, paused_types: Container[str]) -> Outcome | None:
    """What becomes of a job that may not start now; None for one that may."""
    reserved = job.reserved
    if flow is None and not reserved.expires_ms and job.type.name not in paused_types:
        return None
    fetched_ms = int(reserved.token.rpartition("-")[2])
    expires_ms = reserved.expires_ms or _expiry_of_stock(job, flow)
    if expires_ms:
        left_s = (expires_ms - fetched_ms) / 1000
        if left_s <= 0:
            return verdict.refused(reserved, job.type.name, job.record, Failure("Expired", verdict.EXPIRED))
        job.expires_at = clock.monotonic() + left_s
    try:
        lane = _lane(job, flow, paused_types)
    except UsageError as problem:
        return verdict.refused(reserved, job.type.name, job.record, Failure("Quarantined", str(problem)))
    return None if lane == reserved.lane else _parked(reserved, lane, expires_ms)


def _expiry_of_stock(job: Running, flow: Flow | None) -> int:
    """When a message of a stock producer expires, for which Redis has no entry (epoch ms); 0 for never."""
    if flow is None or flow.expires_ms is None or ids.MINTED.fullmatch(job.reserved.id):
        return 0
    return job.body.message_timestamp + flow.expires_ms


def _lane(job: Running, flow: Flow | None, paused_types: Container[str]) -> str:
    """The lane that the job belongs in by this catalog; one without limits now may start from the lane that it had. A
    lane that says its type was let go by the script, which knows best of pauses."""
    lane = job.reserved.lane
    if flow is not None:
        try:
            lane = flow.lane(job.body.payload) or lane
        except UsageError:
            if not lane:
                raise  # one that has a lane had all that its limits asked for when it came
    if job.type.name in paused_types and not flow_control.says_type(lane, job.type.name):
        pause = flow_control.untyped(job.type.name)
        lane = f"{lane}\n{pause}" if lane else pause
    return lane


def _parked(reserved: Reserved, lane: str, expires_ms: int) -> Outcome:
    ended = Ended(id=reserved.id, token=reserved.token, lane=lane, expires_ms=expires_ms, begun=False)
    return Outcome("requeue", reserved.queue, ended)
