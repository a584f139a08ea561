"""What became of a job that was enqueued, for people and for scripts."""

from __future__ import annotations

from jobctl.errors import NothingMatched
from jobctl.store import Store
from jobctl.store.data.newjob import Enqueued, forgotten, fresh, key_words
from jobctl.store.data.records import EnqueuedJob, Job
from jobctl.store.nouns.shown import to_job


def explain(store: Store, done: Enqueued) -> str:
    """What became of a job in words; empty if it was enqueued and that is all."""
    match done.outcome:
        case "known":
            return f"job {done.id} was already enqueued: {_state(store, done)}"
        case "skipped":
            holder = f"job {done.id} ({_state(store, done)})"
            return f"not enqueued: {key_words(done.job)} is held by {holder}"
        case "replaced":
            return f"job {done.id} replaces job {done.other}, which is cancelled"
    return ""


def _state(store: Store, done: Enqueued) -> str:
    """The state of the job that was there before; ids and keys are remembered longer than ended jobs may be kept."""
    found = store.jobs.find(done.id, [done.job.queue])
    return found.state if found else "ended, and no longer kept"


def job_of(store: Store, done: Enqueued) -> Job:
    """The record of the job that does the work. Raises NothingMatched for one that was known and is gone."""
    if done.outcome == "enqueued":
        return fresh(done.job)
    if (found := store.jobs.find(done.id, [done.job.queue])) is not None:
        return to_job(store.jobs.detailed(found))
    if done.outcome == "skipped":
        return forgotten(done)
    raise NothingMatched(f"job {done.id} is no longer kept", "its queue keeps no finished jobs: see `keep`")


def record(job: Job, done: Enqueued) -> EnqueuedJob:
    """A job's record with what became of it when it was enqueued."""
    return EnqueuedJob(
        **{name: getattr(job, name) for name in job.__struct_fields__},
        outcome=done.outcome,
        holder=done.other if done.outcome == "skipped" else None,
        replaced=done.other if done.outcome == "replaced" else None,
    )
