"""The threads that run a process's jobs."""

from __future__ import annotations

import logging
import threading
from functools import partial
from typing import Any

from dramatiq.middleware import SkipMessage

from jobctl import clock
from jobctl.context import activate
from jobctl.engine import logs
from jobctl.engine.attempt import verdict
from jobctl.engine.attempt.admission import held_back
from jobctl.engine.attempt.interrupt import Guard
from jobctl.engine.attempt.outcome import MAX_CRASHES, Alias, Outcome
from jobctl.engine.attempt.verdict import Running
from jobctl.engine.attempt.voice import Voice
from jobctl.engine.dramatiq.broker import JobctlBroker
from jobctl.engine.dramatiq.holding import HeldMessage, LazyMessage
from jobctl.engine.dramatiq.hooks import Hooks
from jobctl.engine.process.committer import Committer
from jobctl.engine.process.desk import Desk
from jobctl.engine.process.runtime import Runtime, Task
from jobctl.engine.process.slots import SlotTable
from jobctl.handlers.base import Attempt, AttemptCancelled, AttemptTimeout, CancelToken, unchanged
from jobctl.handlers.failure import Failure, forget
from jobctl.store.data import codec
from jobctl.store.nouns.settle import Reserved

_log = logging.getLogger("jobctl.worker")

ANNOUNCE_S = 1.0
"""An attempt that still runs after this many seconds is logged as started; of a shorter one its end says it all."""


class JobThread(threading.Thread):
    """Runs jobs, one after the other. Dramatiq's hooks fire as they do in its own worker threads."""

    def __init__(
        self,
        number: int,
        runtime: Runtime,
        broker: JobctlBroker,
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
        self._hooks = Hooks(broker)
        self._desk = desk
        self._committer = committer
        self._slots = slots
        self._once = broker.store.once
        self._job: Running | None = None
        self._announced: Running | None = None
        self._voice: Voice | None = None
        self.given_up = False
        """Its attempt did not end long after its time limit; the thread takes no more jobs should it ever return."""

    def run(self) -> None:
        self._broker.emit_after("worker_thread_boot", self)
        while not self.given_up and (reserved := self._desk.inbox.get()) is not None:
            if self._slots:
                self._slots.begin(self.number, reserved.token, reserved.queue, reserved.id)
            outcome, duration = self._process(reserved)
            self._job = self._voice = None
            self._end(reserved, outcome, duration)
        self._broker.emit_before("worker_thread_shutdown", self)

    def _end(self, reserved: Reserved, outcome: Outcome, duration: float | None) -> None:
        self._desk.end(reserved, duration)
        self._committer.submit(outcome)
        if self._slots:
            self._slots.end(self.number)

    def look(self, now: float) -> None:
        """Log the attempt's start if it takes longer, and give it up if it ignores its time limit: then it has
        failed, whatever it may still do.

        Called by the main thread. Should the attempt end at this very moment, the first of the two outcomes counts.
        """
        job, voice = self._job, self._voice
        if voice is not None:
            voice.tick(now)
        if job is None or self.given_up:
            return
        if now - job.started >= ANNOUNCE_S and self._announced is not job:
            self._announced = job
            _log_start(job)
        if not self.guard.ignored(now):
            return
        self.given_up = True
        self.hush()
        _log.error("job %s: cannot be interrupted at its time limit; its thread is given up", job.reserved.id)
        failure = AttemptCancelled() if self.guard.reason == "cancelled" else AttemptTimeout()
        self._end(job.reserved, verdict.failed(job, failure), now - job.started)

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
            return verdict.refused(reserved, "?", codec.decode_record(reserved.record), what), None

    def _read(self, reserved: Reserved) -> tuple[Running, Task] | Outcome:
        """The job's body and type; an outcome if it cannot be run."""
        record = codec.decode_record(reserved.record)
        body = verdict.read_body(reserved, record)
        if isinstance(body, Outcome):
            return body
        if body.message_id != reserved.id:
            self._committer.submit(Alias(reserved.queue, body.message_id, reserved.id))
        task = self._runtime.tasks.get(body.actor_name)
        if task is None:
            return verdict.unknown_type(reserved, body.actor_name, record, self._runtime.unknown_after_ms)
        if reserved.crashes >= MAX_CRASHES:
            why = f"its worker died {reserved.crashes} times while running it"
            return verdict.refused(reserved, body.actor_name, record, Failure("WorkerKilled", why))
        record.unknown = None
        job = Running(reserved, task.type, body, record, _text_or_none(body.options.get("label")))
        return held_back(job, self._runtime.flows.of(task.type), self._desk.paused_types) or (job, task)

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
            environment=self._runtime.environment_of(reserved.id, number, reserved.token),
            progress=voice.progress,
            scrub=job.scrub or unchanged,
        )
        self._job = job
        self._desk.begin(reserved, token)
        if self._slots:
            self._slots.limit(self.number, attempt.deadline)
        outcome = self._guarded(job, task, attempt)
        voice.finish()
        _log_end(job)
        return outcome

    def _guarded(self, job: Running, task: Task, attempt: Attempt) -> Outcome:
        """Run the handler under its time limit. At most one interrupt arrives, and only inside this function."""
        message = LazyMessage(job.reserved, job.body, job.record)
        at_work, ref = self._broker.at_work, job.reserved.ref
        at_work[ref] = message
        result: Any = None
        failure: BaseException | None = None
        ended = False
        try:
            try:
                self.guard.arm(attempt.deadline, attempt.cancel, interrupts=task.interrupts)
                result, failure = self._run(task, attempt, message)
                ended = True
            finally:
                self.guard.disarm()
        except (AttemptTimeout, AttemptCancelled) as interrupt:
            self.guard.disarm()
            if not ended:
                failure = interrupt
        at_work.pop(ref, None)  # a late attempt of the same job may have run here, too
        outcome = self._judged(job, message, result, failure, attempt.cancel.reason)
        forget(failure)
        del failure  # this frame is the caller of those in its traceback: it must not hold them, nor they it
        return outcome

    def _judged(
        self, job: Running, message: HeldMessage, result: Any, failure: BaseException | None, stopped: str | None
    ) -> Outcome:
        """What becomes of the job. One that a middleware enqueued again comes later; of a failed one the catalog
        decides. `stopped` is why the attempt was asked to stop, if it was."""
        if failure is not None and stopped == "shutdown":
            return verdict.given_back(job.reserved)
        if failure is not None and stopped == "cancelled":
            # Whatever it raised after it was asked to stop: a cancelled job must not be retried as failed.
            failure = AttemptCancelled()
        if message.again is not None and failure is None and not message.failed:
            self._hooks.ended(message, dead=False)
            return verdict.put_off(job.reserved, job.record, message.again.delay_ms, message.again.body)
        if message.failed and failure is None:
            failure = RuntimeError("a middleware failed the message")
        outcome = verdict.completed(job, result) if failure is None else verdict.failed(job, failure)
        self._hooks.ended(message, dead=outcome.kind == "bury")
        return outcome

    def _run(self, task: Task, attempt: Attempt, message: HeldMessage) -> tuple[Any, BaseException | None]:
        """Call the actor between Dramatiq's hooks."""
        current = attempt.current(self._runtime.enqueue, partial(self._side_effect, self._job))
        hooks = self._hooks
        try:
            hooks.before(message)
            with activate(current):
                result = None if message.failed else task.run(attempt)
            hooks.after(message, result, None)
        except SkipMessage:
            self._broker.emit_after("skip_message", message)
            return None, None
        except BaseException as failure:  # noqa: BLE001 - SystemExit and the interrupts are failures of the attempt too
            hooks.after(message, None, failure)
            return None, failure
        return result, None

    def _side_effect(self, job: Running | None, step: str, key: str, value: str, keep_ms: int) -> tuple[str, str, str]:
        """What `jobctl.once` asks of Redis."""
        if job is None:
            return "late", "", ""
        reserved = job.reserved
        said = self._once.step(step, key, reserved.queue, reserved.id, reserved.token, value, keep_ms)
        return said.state, said.by, said.value


def _log_start(job: Running) -> None:
    reserved = job.reserved
    logs.attempt_started(
        logs.ATTEMPTS, job.started_ms, reserved.id, job.type.name, reserved.queue, job.number, job.label
    )


def _log_end(job: Running) -> None:
    record = job.record
    if not record.attempts or record.count != record.attempts[-1].number:
        return
    last = record.attempts[-1]
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
