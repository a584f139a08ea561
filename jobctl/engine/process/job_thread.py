"""The threads that run a process's jobs."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Iterator
from itertools import islice

from jobctl import clock
from jobctl.engine import logs
from jobctl.engine.attempt import verdict
from jobctl.engine.attempt.admission import held_back
from jobctl.engine.attempt.interrupt import Guard
from jobctl.engine.attempt.outcome import MAX_CRASHES, Alias, Outcome
from jobctl.engine.attempt.verdict import Running
from jobctl.engine.attempt.voice import Voice
from jobctl.engine.dramatiq.holding import LazyMessage
from jobctl.engine.dramatiq.worker_broker import WorkerBroker
from jobctl.engine.process.committer import Committer
from jobctl.engine.process.desk import Desk
from jobctl.engine.process.runner import Runner
from jobctl.engine.process.runtime import Runtime, Task
from jobctl.engine.process.slots import SlotTable
from jobctl.handlers.base import Attempt, AttemptCancelled, AttemptTimeout, CancelToken, unchanged
from jobctl.handlers.failure import Failure
from jobctl.store.data import codec
from jobctl.store.nouns.settle import Begun, Reserved

_log = logging.getLogger("jobctl.worker")

SHORT_S = 0.1
"""A job is written as running after this long: shorter ones are many, and nobody would see it."""
ANNOUNCE_S = 1.0
"""An attempt that still runs after this many seconds is logged as started; of a shorter one its end says it all."""


class JobThread(threading.Thread):
    """Runs jobs, one after the other. Dramatiq's hooks fire as they do in its own worker threads."""

    def __init__(
        self,
        number: int,
        runtime: Runtime,
        broker: WorkerBroker,
        desk: Desk,
        committer: Committer,
        slots: SlotTable | None,
        armed: threading.Event,
    ) -> None:
        super().__init__(name=f"job-{number}", daemon=True)
        self.number = number
        self.guard = Guard(armed)
        self._runtime = runtime
        self._broker = broker
        self._runner = Runner(runtime, broker, self.guard)
        self._desk = desk
        self._committer = committer
        self._slots = slots
        self._inbox: Iterator[Reserved | None] = iter(desk.inbox.get, object())
        self._hand: deque[Reserved | None] = deque()
        self._ended: tuple[Outcome, float | None] | None = None
        self._job: Running | None = None
        self._announced: Running | None = None
        self._told: Running | None = None
        self._voice: Voice | None = None
        self.given_up = False
        """Its attempt did not end long after its time limit; the thread takes no more jobs should it ever return."""

    def run(self) -> None:
        self._broker.emit_after("worker_thread_boot", self)
        more = True
        while more and not self.given_up:
            try:
                more = self._turn()
            except BaseException as late:  # noqa: BLE001 - see _turn
                _log.warning("an interrupt (%s) came too late and is ignored", type(late).__name__)
        self._broker.emit_before("worker_thread_shutdown", self)

    def _turn(self) -> bool:
        """Run the next job to its end; False when there is none any more.

        A middleware that interrupts jobs (TimeLimit, dramatiq-abort) raises an exception in this thread, and one that
        is late arrives here. Wherever that is, the job in hand is ended: if it is not known how, it is given back.
        """
        if not self._hand:
            self._hand.extend(islice(self._inbox, 1))  # in one step for the interpreter: an interrupt cannot lose it
            reserved = self._hand[0]
            if reserved is None:
                return False
            if self._slots:
                self._slots.begin(self.number, reserved.token, reserved.queue, reserved.id)
            self._ended = self._process(reserved)
        reserved = self._hand[0]
        if reserved is not None:
            if self._ended is None:
                self.guard.disarm()
            self._job = self._voice = None
            self._end(reserved, *(self._ended or (verdict.given_back(reserved, begun=True), None)))
            self._hand.clear()
            self._ended = None
        return True

    def _end(self, reserved: Reserved, outcome: Outcome, duration: float | None) -> None:
        self._desk.end(reserved, duration)
        self._committer.submit(outcome)
        if self._slots:
            self._slots.end(self.number)

    def look(self, now: float) -> None:
        """Tell the attempt's start if it takes longer, and give it up if it ignores its time limit: then it has
        failed, whatever it may still do.

        Called by the main thread. Should the attempt end at this very moment, the first of the two outcomes counts.
        """
        job, voice = self._job, self._voice
        if voice is not None:
            voice.tick(now)
        if job is None or self.given_up:
            return
        if now - job.started >= SHORT_S and self._told is not job:
            self._told = job
            self._committer.submit(Begun(job.reserved.queue, job.reserved.id, job.reserved.token, job.started))
        if now - job.started >= ANNOUNCE_S and self._announced is not job:
            self._announced = job
            _log_start(job)
        if not self.guard.ignored(now):
            return
        self.given_up = True
        self.hush()
        _log.error("job %s: cannot be interrupted at its time limit; abandoning its thread", job.reserved.id)
        failure = AttemptCancelled() if self.guard.reason == "cancelled" else AttemptTimeout()
        self._end(job.reserved, verdict.failed(job, failure), now - job.started)
        if self._slots:
            self._slots.give_up(self.number)

    def hush(self) -> None:
        """Write what the running attempt has said; it is about to be given up or back."""
        if (voice := self._voice) is not None:
            voice.finish()

    def _process(self, reserved: Reserved) -> tuple[Outcome, float | None]:
        """Run one job. Never raises: whatever goes wrong is an outcome."""
        try:
            ready = self._read(reserved)
            if isinstance(ready, Outcome):
                return ready, None
            outcome = self._attempt(*ready)
            return outcome, clock.monotonic() - ready[0].started
        except Exception as problem:  # noqa: BLE001 - a defect of jobctl must not lose the job or kill the thread
            _log.exception("job %s: internal error", reserved.id)
            what = Failure("InternalError", f"{type(problem).__name__}: {problem}")
            return verdict.refused(reserved, "?", codec.decode_record(reserved.record), what, begun=True), None

    def _read(self, reserved: Reserved) -> tuple[Running, Task] | Outcome:
        """The job's body and type; an outcome if it cannot be run."""
        record = codec.decode_record(reserved.record)
        body = verdict.read_body(reserved, record)
        if isinstance(body, Outcome):
            return body
        if body.message_id != reserved.id:
            self._committer.submit(Alias(reserved.queue, body.message_id, reserved.id))
        task = self._runtime.tasks.get(body.actor_name)
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
        if outcome.kind == "bury":
            self._runner.refused(LazyMessage(reserved, body, record))
        return outcome

    def _attempt(self, job: Running, task: Task) -> Outcome:
        job.started_ms, job.started = clock.now_ms(), clock.monotonic()
        token = CancelToken()
        self._voice = voice = Voice(self._committer, job)
        reserved, number = job.reserved, job.number
        deadline = job.started + job.type.timeout_ms / 1000
        attempt = Attempt(
            job_id=reserved.id,
            type=job.type.name,
            queue=reserved.queue,
            number=number,
            payload=job.body.kwargs,
            deadline=deadline if job.expires_at is None else min(deadline, job.expires_at),
            cancel=token,
            log=voice.log,
            args=tuple(job.body.args),
            label=job.label,
            environment=self._runtime.environment,
            token=reserved.token,
            progress=voice.progress,
            scrub=job.scrub or unchanged,
        )
        self._job = job
        self._desk.begin(reserved, token)
        if self._slots:
            self._slots.limit(self.number, attempt.deadline)
        outcome = self._runner.run(job, task, attempt)
        voice.finish()
        _log_end(job)
        return outcome


def _log_start(job: Running) -> None:
    reserved = job.reserved
    logs.attempt_started(
        logs.ATTEMPTS, job.started_ms, reserved.id, job.type.name, reserved.queue, job.number, job.label
    )


def _log_end(job: Running) -> None:
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
