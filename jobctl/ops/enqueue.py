"""Enqueueing one job."""

from __future__ import annotations

from dataclasses import dataclass

from jobctl.errors import NothingMatched
from jobctl.producer import Producer, forgotten, key_words
from jobctl.store import Store
from jobctl.store.data.newjob import NewJob
from jobctl.store.data.records import EnqueuedJob, Job
from jobctl.store.nouns.shown import to_job


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of a job that was enqueued. `id` is the one to look for; `outcome` and `other` are the store's."""

    job: NewJob
    id: str
    outcome: str
    other: str


def enqueue(producer: Producer, job: NewJob) -> Accepted:
    """Write one job. Raises Conflict, Refused or RedisUnavailable."""
    job_id, done = producer.enqueue_one(job)
    return Accepted(job, job_id, done.outcome, done.other)


def explain(store: Store, accepted: Accepted) -> str:
    """What became of a job in words; empty if it was enqueued and that is all."""
    match accepted.outcome:
        case "known":
            return f"job {accepted.id} is known already: {_state(store, accepted)}"
        case "skipped":
            holder = f"job {accepted.id} ({_state(store, accepted)})"
            return f"not enqueued: {key_words(accepted.job)} is held by {holder}"
        case "replaced":
            return f"job {accepted.id} takes the place of job {accepted.other}, which is cancelled"
    return ""


def _state(store: Store, accepted: Accepted) -> str:
    """The state of the job that was there before; ids and keys are remembered longer than ended jobs may be kept."""
    found = store.jobs.find(accepted.id, [accepted.job.queue])
    return found.state if found else "ended, and no longer kept"


def record(store: Store, accepted: Accepted) -> EnqueuedJob:
    """The record of an accepted job. Raises NothingMatched if it has run and is gone."""
    found = store.jobs.find(accepted.id, [accepted.job.queue])
    if found is None and accepted.outcome != "skipped":
        raise NothingMatched(f"job {accepted.id} is gone already", "its queue keeps no finished jobs: see `keep`")
    job = forgotten(accepted.job, accepted.id) if found is None else to_job(store.jobs.detailed(found))
    return outcome(job, accepted)


def outcome(job: Job, accepted: Accepted) -> EnqueuedJob:
    """A job's record with what became of it when it was enqueued."""
    return EnqueuedJob(
        **{name: getattr(job, name) for name in job.__struct_fields__},
        outcome=accepted.outcome,
        holder=accepted.other if accepted.outcome == "skipped" else None,
        replaced=accepted.other if accepted.outcome == "replaced" else None,
    )
