"""Enqueueing one job."""

from __future__ import annotations

from dataclasses import dataclass

from jobctl.errors import NothingMatched
from jobctl.producer import Producer
from jobctl.store import Store
from jobctl.store.jobs import NewJob
from jobctl.store.records import Job
from jobctl.store.shown import to_job


@dataclass(frozen=True, slots=True)
class Accepted:
    """A job that Redis holds. `fresh` False: the id was known already, and nothing was changed."""

    id: str
    queue: str
    fresh: bool


def enqueue(producer: Producer, job: NewJob) -> Accepted:
    """Write one job. Raises RedisUnavailable."""
    return Accepted(job.id, job.queue, producer.enqueue([job])[0])


def known_state(store: Store, accepted: Accepted) -> str:
    """The state of a job whose id was known already; its id is remembered longer than an ended job may be kept."""
    found = store.jobs.find(accepted.id, [accepted.queue])
    return found.state if found else "ended, and no longer kept"


def record(store: Store, accepted: Accepted) -> Job:
    """The record of an accepted job. Raises NothingMatched if it has run and is gone."""
    found = store.jobs.find(accepted.id, [accepted.queue])
    if found is None:
        raise NothingMatched(f"job {accepted.id} is gone already", "its queue keeps no finished jobs: see `keep`")
    return to_job(found)
