"""Why does this job not run? The pauses, the limit, or the missing worker that hold it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from jobctl import clock
from jobctl.ops import workers
from jobctl.ops.limits import kind_of, name_of, spelled
from jobctl.store.data.blocked import BlockedLoop
from jobctl.store.data.found import Found
from jobctl.store.data.records import Hold, Job
from jobctl.store.data.states import BY_NAME
from jobctl.store.nouns.pauses import EVERYTHING, Pause, of_type
from jobctl.store.nouns.shown import to_job

if TYPE_CHECKING:
    from jobctl.store import Store
    from jobctl.store.nouns.limits import LaneState


def shown(store: Store, found: Found, *, unredacted: bool = False) -> Job:
    """The record of a job, with what holds it; of one that nothing interrupts, since when it is past its time limit."""
    found = store.jobs.detailed(found)
    job = to_job(found, unredacted=unredacted)
    if found.began_ms:
        since = store.processes.hanging().get(found.ref, 0)
        late = clock.to_datetime(since) if since > found.began_ms else None
        return replace(job, overdue_since=late, blocks=_blocked_by(store, found))
    if not BY_NAME[found.state].line:
        return job
    return to_job(found, unredacted=unredacted, held=tuple(why(store, found, job.type)))


def _blocked_by(store: Store, found: Found) -> BlockedLoop | None:
    """The event loop that a running job blocks, if it does."""
    loops = (loop for row in store.processes.ls() for loop in row.blocked)
    return next((loop for loop in loops if (loop.queue, loop.job) == found.ref), None)


def why(store: Store, found: Found, job_type: str) -> list[Hold]:
    """What keeps a job that waits from starting; nothing if it is simply next."""
    paused = store.pauses.now()
    scopes = {EVERYTHING: "everything", found.queue: f"queue:{found.queue}", of_type(job_type): f"type:{job_type}"}
    holds = [_pause(name, paused[scope]) for scope, name in scopes.items() if scope in paused]
    if found.state == "limited" and found.lane:
        lane = store.limits.lane(found.queue, found.lane, found.priority, found.id)
        if lane.limit is None:
            holds += [] if holds else [Hold(kind="turn", name=f"queue:{found.queue}", ahead=lane.ahead)]
        elif not lane.limit.startswith("p:") and not (of_type(job_type) in paused and lane.limit[2:] == job_type):
            holds.append(_limit(found.queue, lane))
    if found.queue in store.queues.registered() and not store.processes.serving().get(found.queue):
        quiet = workers.quiet(store.processes.ls(), [found.queue])
        reason = f"{quiet[0]} is quiet; `jobctl worker resume {quiet[0]}` ends that" if quiet else None
        holds.append(Hold(kind="worker", name=f"queue:{found.queue}", reason=reason))
    return holds


def _pause(name: str, pause: Pause) -> Hold:
    until = clock.to_datetime(pause.until_ms) if pause.until_ms else None
    return Hold(kind="pause", name=name, until=until, reason=pause.reason or None, by=pause.by)


def _limit(queue: str, lane: LaneState) -> Hold:
    limit = lane.limit or ""
    return Hold(
        kind=kind_of(limit),
        name=name_of(queue, limit),
        key=lane.key or None,
        allows=spelled(limit, lane.spec),
        ahead=lane.ahead,
        until=clock.to_datetime(lane.turn_ms) if lane.turn_ms else None,
    )
