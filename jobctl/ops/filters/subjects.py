"""What a filter looks at: jobs, error groups and events; and those of a batch of jobs that match."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from jobctl import clock
from jobctl.ops.filters.filter import READ_LATE, Filter
from jobctl.ops.filters.match import UNREAD, Subject
from jobctl.store.data.states import BY_NAME
from jobctl.store.nouns.queues import TRASH_MS
from jobctl.store.nouns.shown import to_job

if TYPE_CHECKING:
    from jobctl.store import Store
    from jobctl.store.data.found import Found
    from jobctl.store.data.records import DeadGroup, Event, Job


def of_job(found: Found, job: Job, *asked: str) -> Subject:
    """A job. `asked` is the id by which it was looked up: a stock message that is found by its own id is kept under
    another one."""
    host, took_s = _last_attempt(found)
    return Subject(
        queue=job.queue,
        type=job.type,
        state=job.state,
        group=found.record.group if BY_NAME[found.state].died else None,
        label=job.label,
        ids=(job.id, *asked),
        error=job.error,
        message=job.message,
        payload=job.payload,
        at_ms=_moment(found, job),
        attempts=job.attempt_count,
        host=host,
        took_s=took_s,
    )


def of_group(group: DeadGroup) -> Subject:
    """An error group: what all its dead letters have in common."""
    return Subject(queue=group.queue, type=group.type, state="dead", group=group.group)


def of_event(event: Event) -> Subject:
    """An event, which has no state, group or payload."""
    return Subject(
        queue=event.queue,
        type=event.type,
        state=None,
        group=None,
        label=event.label,
        ids=(event.id,),
        error=event.error,
        message=event.message,
        payload=None,
        at_ms=clock.to_ms(event.at),
        attempts=event.attempt,
        host=event.host,
        took_s=event.duration_s,
    )


def select(
    store: Store, wanted: Filter, batch: Sequence[Found], *, asked: str | None = None, unredacted: bool = False
) -> Iterator[tuple[Found, Job]]:
    """Those of some jobs of one queue that match, in their order. Attempts are read only where they decide."""
    also = () if asked is None else (asked,)
    jobs = [to_job(found, unredacted=unredacted) for found in batch]
    subjects = [of_job(found, job, *also) for found, job in zip(batch, jobs, strict=True)]
    if wanted.keys & READ_LATE:
        late = [at for at, subject in enumerate(subjects) if subject.host is UNREAD and wanted.judge(subject) is None]
        if late:
            detailed = store.jobs.details(batch[0].queue, [batch[at] for at in late])
            for at, found in zip(late, detailed, strict=True):
                subjects[at] = of_job(found, jobs[at], *also)
    for found, job, subject in zip(batch, jobs, subjects, strict=True):
        if wanted.matches(subject):
            yield found, job


def batches(found: Iterable[Found], size: int = 500) -> Iterator[list[Found]]:
    """Jobs in batches of one queue each."""
    batch: list[Found] = []
    for job in found:
        if batch and (len(batch) == size or batch[0].queue != job.queue):
            yield batch
            batch = []
        batch.append(job)
    if batch:
        yield batch


def _last_attempt(found: Found) -> tuple[Any, Any]:
    """(host, seconds) of a job's last attempt: None if there was none, UNREAD if attempts have to be read for it."""
    if found.began_ms:
        return found.worker.rsplit(":", 2)[0], max(0, clock.now_ms() - found.began_ms) / 1000
    if found.record.ran is not None:
        return found.record.ran.host, found.record.ran.duration
    if found.attempts:
        return found.attempts[-1].host, found.attempts[-1].duration
    return (UNREAD, UNREAD) if found.record.count else (None, None)


def _moment(found: Found, job: Job) -> int | None:
    """When a job ended, began or, if it has done neither, was enqueued; of one in the trash, when it got there."""
    if found.state == "discarded":
        return round(float(found.detail)) - TRASH_MS
    moments: tuple[datetime | None, ...] = (job.finished_at, job.started_at, job.enqueued_at)
    return next((clock.to_ms(moment) for moment in moments if moment is not None), None)
