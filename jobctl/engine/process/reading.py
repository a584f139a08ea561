"""What both sides of a process do with a fetched job before and after its attempt: read it, describe the attempt to its
handler, tell of its start and its end."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from jobctl import clock
from jobctl.engine import logs
from jobctl.engine.attempt import measure, verdict
from jobctl.engine.attempt.admission import held_back
from jobctl.engine.attempt.outcome import MAX_CRASHES, Alias, Outbox, Outcome
from jobctl.engine.attempt.verdict import Running
from jobctl.engine.attempt.voice import Voice
from jobctl.engine.dramatiq.holding import HeldMessage, LazyMessage
from jobctl.engine.process.desk import Desk
from jobctl.engine.process.runtime import Runtime, Task
from jobctl.handlers.base import Attempt, CancelToken, unchanged
from jobctl.handlers.failure import Failure
from jobctl.store.data import codec, ids
from jobctl.store.data.indexed import Untaken, entries
from jobctl.store.nouns.settle import Begun, Reserved

SHORT_S = 0.1
"""A job is written as running after this long: shorter ones are many, and nobody would see it."""
ANNOUNCE_S = 1.0
"""An attempt that still runs after this many seconds is logged as started; of a shorter one its end says it all."""

_log = logging.getLogger("jobctl.worker")


@dataclass(frozen=True, slots=True)
class Refusal:
    """A job that cannot be run now, or at all: then hooks are told of the `message`."""

    outcome: Outcome
    message: HeldMessage | None = None


class Reader:
    """Reads what was fetched."""

    def __init__(self, runtime: Runtime, desk: Desk, outbox: Outbox) -> None:
        self._runtime = runtime
        self._desk = desk
        self._outbox = outbox

    def read(self, reserved: Reserved) -> tuple[Running, Task] | Refusal:
        """The job's body and type, or what becomes of it. Never raises."""
        try:
            return self._read(reserved)
        except Exception as problem:  # noqa: BLE001 - a defect of jobctl must not lose the job or kill the thread
            return Refusal(internal_error(reserved, problem))

    def _read(self, reserved: Reserved) -> tuple[Running, Task] | Refusal:
        record = codec.decode_record(reserved.record)
        body = verdict.read_body(reserved, record)
        if isinstance(body, Outcome):
            return Refusal(body)
        task = self._runtime.tasks.get(body.actor_name)
        keys = () if task is None else task.type.index
        if body.message_id != reserved.id or (keys and not ids.MINTED.fullmatch(reserved.id)):
            known = Untaken(reserved.id, body.actor_name, entries(body.actor_name, keys, body.payload))
            self._outbox.submit(Alias(reserved.queue, body.message_id, known))
        outcome: Outcome | None
        if task is None:
            outcome = verdict.unknown_type(reserved, body.actor_name, record, self._runtime.unknown_after_ms)
        elif reserved.crashes >= MAX_CRASHES:
            why = f"its worker died {reserved.crashes} times while running it"
            outcome = verdict.refused(reserved, body.actor_name, record, Failure("WorkerKilled", why))
        else:
            record.unknown = None
            unfit = task.fit(body) if task.fit is not None else None
            job = Running(reserved, task.type, body, record, _text_or_none(body.options.get("label")))
            if unfit is not None:
                what = verdict.scrubbed(job, Failure("Quarantined", unfit))
                outcome = verdict.refused(reserved, body.actor_name, record, what)
            else:
                outcome = held_back(job, self._runtime.flows.of(task.type), self._desk.paused_types)
            if outcome is None:
                return job, task
        return Refusal(outcome, LazyMessage(reserved, body, record) if outcome.kind == "bury" else None)

    def begin(self, job: Running, voice: Voice, *, patient: bool = True) -> Attempt:
        """The attempt, which begins now. One that is not `patient` never waits because it says too much."""
        job.started_ms, job.started = clock.now_ms(), clock.monotonic()
        reserved, number = job.reserved, job.number
        deadline = job.started + job.type.timeout_ms / 1000
        return Attempt(
            job_id=reserved.id,
            type=job.type.name,
            queue=reserved.queue,
            number=number,
            payload=job.body.kwargs,
            deadline=deadline if job.expires_at is None else min(deadline, job.expires_at),
            cancel=CancelToken(),
            log=voice.log if patient else voice.add,
            args=tuple(job.body.args),
            label=job.label,
            environment=self._runtime.environment,
            trace=self._runtime.trace,
            token=reserved.token,
            progress=voice.progress,
            scrub=job.scrub or unchanged,
        )


def internal_error(reserved: Reserved, problem: BaseException) -> Outcome:
    """A defect of jobctl ends the job."""
    _log.error("job %s: internal error", reserved.id, exc_info=problem)
    what = Failure("InternalError", f"{type(problem).__name__}: {problem}")
    return verdict.refused(reserved, "?", codec.decode_record(reserved.record), what, begun=True)


class Start:
    """Tells of the start of an attempt that takes longer: that it runs, then a line in the log."""

    __slots__ = ("_outbox", "_told", "job")

    def __init__(self, job: Running, outbox: Outbox) -> None:
        self.job = job
        self._outbox = outbox
        self._told = 0

    def tell(self, now: float) -> None:
        """Called a few times a second."""
        job, ran = self.job, now - self.job.started
        if self._told == 0 and ran >= SHORT_S:
            self._told = 1
            held, mark = job.reserved, measure.begun(job.type.name, job.body, job.record, job.started_ms)
            self._outbox.submit(Begun(held.queue, held.id, held.token, job.started, mark))
        if self._told == 1 and ran >= ANNOUNCE_S:
            self._told = 2
            log_start(job)


def log_start(job: Running) -> None:
    """A line in the worker's log."""
    reserved = job.reserved
    logs.attempt_started(
        logs.ATTEMPTS, job.started_ms, reserved.id, job.type.name, reserved.queue, job.number, job.label
    )


def log_end(job: Running) -> None:
    """A line in the worker's log, if the attempt counts."""
    last = job.lived
    if last is None:
        return
    logs.attempt_finished(
        logs.ATTEMPTS,
        job.reserved.id,
        job.type.name,
        job.reserved.queue,
        last.number,
        last.outcome,
        last.duration,
        job.label,
        last.error,
        last.message,
    )


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) else None
