"""What becomes of the jobs that a dead worker held."""

from __future__ import annotations

import logging
from collections.abc import Container

from jobctl import clock
from jobctl.catalog.model import Keep
from jobctl.engine.attempt import verdict
from jobctl.engine.attempt.outcome import MAX_CRASHES, Outcome
from jobctl.engine.liveness.known import Known
from jobctl.handlers.base import AttemptTimeout
from jobctl.handlers.failure import Failure
from jobctl.store import Store
from jobctl.store.data import codec, stats
from jobctl.store.data.attempts import Lived, encode
from jobctl.store.data.found import Found
from jobctl.store.data.records import Event
from jobctl.store.nouns import events
from jobctl.store.nouns.settle import Ended, Reserved
from jobctl.store.nouns.shown import to_job

_log = logging.getLogger("jobctl.worker")


def recover(
    store: Store,
    known: Known,
    queue: str,
    workers: Container[str],
    executing: Container[str] | None,
    overdue: Container[str] = frozenset(),
) -> int:
    """Put right the jobs of a queue that these workers held; returns how many.

    `executing` are the tokens of the attempts that ran (None: all may have), `overdue` of those that were killed for
    their time limit.
    """
    held = store.processes.reservations(queue)
    tokens = {job_id: token for job_id, (token, worker) in held.items() if worker in workers}
    ends: dict[str, list[Ended]] = {}
    for found in store.jobs.locate(queue, list(tokens)):
        if found.token == tokens[found.id]:
            ran = executing is None or found.token in executing
            kind, ended = _fate(found, known, ran=ran, overdue=found.token in overdue)
            ends.setdefault(kind, []).append(ended)
    settle = store.settle
    settle.write([settle.end(kind, queue, ended, Keep()) for kind, ended in ends.items()])
    if count := sum(map(len, ends.values())):
        what = "recovered %d jobs of queue %s from a dead worker, %d of them dead-lettered"
        _log.warning(what, count, queue, len(ends.get("bury", ())))
    return count


def _fate(found: Found, known: Known, *, ran: bool, overdue: bool) -> tuple[str, Ended]:
    """What becomes of a job. If only others know its type, it waits again with its crash counted: they decide."""
    if not ran:
        return "requeue", Ended(id=found.id, token=found.token, begun=False)
    name = name_of(found)
    if name is not None and not known.has(name):
        return "requeue", Ended(id=found.id, token=found.token, crashed=True)
    if overdue and name is not None and (outcome := _timed_out(found, known, name)):
        return outcome.kind, outcome.ended
    return ("bury", _killer(found)) if found.crashes + 1 >= MAX_CRASHES else ("requeue", _lost(found))


def name_of(found: Found) -> str | None:
    """The name in a job's message; None if that cannot be read."""
    try:
        return codec.decode_body(found.body).actor_name
    except ValueError:
        return None


def _timed_out(found: Found, known: Known, name: str) -> Outcome | None:
    """The job's attempt failed by its time limit; None where no catalog describes its type."""
    job_type = known.type_of(name)
    if job_type is None:
        return None
    body = codec.decode_body(found.body)
    reserved = Reserved(found.queue, found.id, found.token, found.body, b"", found.crashes)
    label = body.options.get("label")
    job = verdict.Running(reserved, job_type, body, found.record, label if isinstance(label, str) else None)
    job.started_ms = found.held_since_ms
    job.started = clock.monotonic() - (clock.now_ms() - job.started_ms) / 1000
    return verdict.failed(job, AttemptTimeout())


def _add_lost(found: Found) -> Lived:
    """The attempt that ended with its worker, counted; the crash is counted beside the record, not as a retry."""
    what = Failure("WorkerLost", f"the worker process {found.worker} died while running the job")
    started = found.held_since_ms
    host, _, rest = found.worker.partition(":")
    pid = int(rest.partition(":")[0]) if rest.partition(":")[0].isdigit() else 0
    duration = max(0, clock.now_ms() - started) / 1000
    record = found.record
    lived = Lived(record.count + 1, "lost", host, pid, started, duration, what.error, what.message)
    record.add(lived)
    record.spent += 1
    record.ready = clock.now_ms()
    record.fail(what.error, what.message)
    return lived


def _lost(found: Found) -> Ended:
    lived = _add_lost(found)
    job = to_job(found)
    event = Event(
        at=clock.to_datetime(clock.now_ms()),
        event="lost",
        id=found.id,
        type=job.type,
        queue=found.queue,
        label=job.label,
        attempt=found.record.count,
        error=found.record.error,
        message=found.record.message,
    )
    return Ended(
        id=found.id,
        token=found.token,
        record=codec.encode(found.record),
        event=events.encode(event),
        attempt=encode(lived)[0],
        crashed=True,
        mark=stats.plain(job.type),
    )


def _killer(found: Found) -> Ended:
    lived = _add_lost(found)
    job = to_job(found)
    what = Failure("WorkerKilled", f"its worker died {found.crashes + 1} times while running it")
    reserved = Reserved(found.queue, found.id, found.token, found.body, b"", found.crashes)
    return verdict.bury(reserved, job.type, found.record, what, label=job.label, duration=None, lived=lived)
