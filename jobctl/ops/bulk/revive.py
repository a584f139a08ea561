"""Bringing jobs that ended back to life: what `job retry` and `dead retry` have in common."""

from __future__ import annotations

from collections.abc import Sequence

from jobctl.errors import OperationFailed
from jobctl.ops.bulk.verb import Tried
from jobctl.store import Store
from jobctl.store.data import codec
from jobctl.store.data.found import Found


def unreadable(job: Found) -> Tried | None:
    """What is said of a dead job that could only die again: a worker cannot decode it, and a stock worker would drop
    others with it."""
    try:
        codec.decode_body(job.body)
    except ValueError:
        said = f"job {job.id} cannot be read: no worker could run it"
        return Tried(job.ref, said, error=OperationFailed(said, "discard it with `jobctl dead discard`"))
    return lost(job)


def lost(job: Found) -> Tried | None:
    """The message about a dead job whose group is not known."""
    if job.record.group:
        return None
    said = f"the record of job {job.id} is lost: its error group is not known"
    return Tried(job.ref, said, error=OperationFailed(said))


def revived(store: Store, queue: str, jobs: Sequence[Found]) -> list[bool]:
    """Make dead and cancelled jobs of a queue wait again."""
    if not jobs:
        return []
    pairs = [(job.id, (job.record.group or "") if job.state == "dead" else "") for job in jobs]
    return store.jobs.revive(queue, pairs)
