"""Makes jobs in the states that commands are tested on, through the store alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import redis

from jobctl import clock
from jobctl.fingerprint import fingerprint
from jobctl.store import Store
from jobctl.store.data import attempts, codec
from jobctl.store.data.newjob import NewJob
from jobctl.store.nouns.dead import GroupInfo
from jobctl.store.nouns.settle import Begun, Ended, Reserved
from jobctl.store.wire import steps

NAMESPACE = "jobctl"


def store(client: redis.Redis, namespace: str = NAMESPACE) -> Store:
    return Store(client, namespace)


def waiting(
    st: Store,
    count: int,
    *,
    queue: str = "default",
    job_type: str = "ok",
    payload: Mapping[str, Any] | None = None,
    **extra: Any,
) -> list[str]:
    """`count` jobs, with payloads {"n": 0}, {"n": 1}, … and what `payload` adds; `extra` are fields of NewJob."""
    ids, also = st.mint.many(queue, count), payload or {}
    jobs = [NewJob(id=i, type=job_type, queue=queue, payload={"n": n, **also}, **extra) for n, i in enumerate(ids)]
    assert all(st.jobs.enqueue(jobs))
    return ids


def dead(
    st: Store,
    count: int = 1,
    *,
    queue: str = "default",
    job_type: str = "bad",
    error: str = "ValueError",
    message: str = "boom",
    traceback: str | None = None,
    **extra: Any,
) -> list[str]:
    """`count` dead letters that failed once with this error."""
    ids = waiting(st, count, queue=queue, job_type=job_type, **extra)
    left = count
    while left:
        reserved = st.settle.fetch("test", [queue], min(left, 500)).jobs
        st.settle.write([st.settle.bury(queue, [_ended(r, job_type, error, message, traceback) for r in reserved])])
        left -= len(reserved)
    return ids


def completed(st: Store, count: int = 1, *, queue: str = "default", **extra: Any) -> list[str]:
    """`count` jobs that completed; nothing else may wait in the queue."""
    ids = waiting(st, count, queue=queue, **extra)
    reserved = st.settle.fetch("test", [queue], count).jobs
    st.settle.write([st.settle.complete(queue, 3_600_000, 1_000, [Ended(r.id, r.token, b"{}") for r in reserved])])
    return ids


def fail(st: Store, count: int = 1, *, queue: str = "default", job_type: str = "bad") -> list[str]:
    """The next `count` waiting jobs are run, and die."""
    reserved = st.settle.fetch("test", [queue], count).jobs
    st.settle.write([st.settle.bury(queue, [_ended(r, job_type, "ValueError", "boom", None) for r in reserved])])
    return [r.id for r in reserved]


def completed_of(reserved: Reserved) -> Ended:
    """The end of an attempt that completed its job."""
    record = codec.decode_record(reserved.record)
    now = clock.now_ms()
    record.complete(attempts.Ran("test", 7, now, 0.25))
    return Ended(reserved.id, reserved.token, codec.encode(record))


def group_of(st: Store, job_id: str) -> str:
    """The error group of a dead letter."""
    found = st.jobs.find(job_id)
    assert found is not None
    return found.record.group or ""


def begin(st: Store, jobs: Sequence[Reserved]) -> None:
    """Attempts of fetched jobs have begun, and their workers have told so."""
    steps.run(st, st.settle.begun(Begun(job.queue, job.id, job.token, clock.monotonic()) for job in jobs))


def _ended(reserved: Reserved, job_type: str, error: str, message: str, traceback: str | None) -> Ended:
    now = clock.now_ms()
    group = fingerprint(job_type, error, message, traceback)
    record = codec.Record(group=group, type=job_type, finished=now, retries=0)
    number = codec.decode_record(reserved.record).count + 1
    lived = attempts.Lived(number, "failed", "host", 7, now, 0.25, error, message, traceback)
    record.add(lived)
    record.fail(error, message)
    record.spent = record.count
    attempt, trace = attempts.encode(lived)
    info = codec.encode(GroupInfo(job_type, error, record.message))
    return Ended(
        reserved.id,
        reserved.token,
        codec.encode(record),
        attempt=attempt,
        trace=trace,
        group=group,
        group_info=info,
    )


def states(st: Store, ids: list[str]) -> list[str]:
    """The state of each job, "gone" if there is none."""
    found = [st.jobs.find(job_id) for job_id in ids]
    return [f.state if f else "gone" for f in found]
