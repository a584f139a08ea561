"""The work of a process: which jobs it holds, how many more it may fetch, and the threads that run them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from queue import SimpleQueue
from typing import Any

from dramatiq.broker import Broker, MessageProxy
from dramatiq.message import Message
from dramatiq.middleware import SkipMessage

from jobctl import clock
from jobctl.context import Current, activate
from jobctl.engine import logs, verdict
from jobctl.engine.committer import Committer, Lines, Outcome
from jobctl.engine.failure import Failure
from jobctl.engine.interrupt import Guard
from jobctl.engine.runtime import Runtime, Task
from jobctl.engine.slots import SlotTable
from jobctl.engine.verdict import Running
from jobctl.handlers.base import Attempt, AttemptCancelled, AttemptTimeout, CancelToken
from jobctl.store import codec
from jobctl.store.logs import MAX_LINE, MAX_LINES, LogLine
from jobctl.store.settle import Reserved

_log = logging.getLogger("jobctl.worker")

AHEAD_S = 0.05
"""Jobs are fetched ahead only while what waits in this process starts within this many seconds."""
MAX_AHEAD = 256
MAX_UNCOMMITTED = 2_000
MAX_CRASHES = 3
"""A job whose worker died this often while running it is dead: it is the one that kills."""


class Desk:
    """What a process holds: jobs fetched and not yet ended. Thread-safe."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._changed = threading.Condition()
        self._held: dict[str, Reserved] = {}
        self._running: dict[str, CancelToken] = {}
        self._uncommitted = 0
        self._mean_s = 1.0
        self.done = 0
        self.inbox: SimpleQueue[Reserved | None] = SimpleQueue()

    def room(self, timeout_s: float) -> int:
        """How many jobs may be fetched now; waits up to `timeout_s` for at least one."""
        with self._changed:
            if self._room() <= 0:
                self._changed.wait_for(lambda: self._room() > 0, timeout_s)
            return max(0, self._room())

    def _room(self) -> int:
        if self._uncommitted >= MAX_UNCOMMITTED:
            return 0
        ahead = min(MAX_AHEAD, int(self._threads * AHEAD_S / max(self._mean_s, 1e-6)))
        return self._threads + ahead - len(self._held)

    def take(self, jobs: tuple[Reserved, ...]) -> None:
        """Jobs were fetched: they wait for a thread."""
        with self._changed:
            for job in jobs:
                self._held[job.id] = job
        for job in jobs:
            self.inbox.put(job)

    def begin(self, job: Reserved, token: CancelToken) -> None:
        with self._changed:
            self._running[job.id] = token

    def end(self, job: Reserved, duration_s: float | None) -> None:
        """A job's attempt is over; its outcome is still to be written."""
        with self._changed:
            self._running.pop(job.id, None)
            if self._held.get(job.id) is job:
                del self._held[job.id]
            self._uncommitted += 1
            if duration_s is not None:
                self.done += 1
                self._mean_s += (duration_s - self._mean_s) * 0.2
            self._changed.notify_all()

    def committed(self) -> None:
        with self._changed:
            self._uncommitted -= 1
            self._changed.notify_all()

    def wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def idle(self) -> bool:
        with self._changed:
            return not self._held and not self._uncommitted

    def wait_quiet(self, timeout_s: float) -> bool:
        """Wait until nothing runs any more."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._running, timeout_s)

    def waiting(self) -> list[Reserved]:
        """Take back the jobs that no thread has begun."""
        out = []
        while not self.inbox.empty():
            job = self.inbox.get()
            if job is not None:
                out.append(job)
        return out

    def running(self) -> list[Reserved]:
        with self._changed:
            return [self._held[i] for i in self._running if i in self._held]

    def held(self) -> Mapping[str, Reserved]:
        with self._changed:
            return dict(self._held)

    def cancel(self, job_id: str, reason: str) -> bool:
        """Ask a running attempt to stop; False if it does not run here."""
        with self._changed:
            token = self._running.get(job_id)
        if token is None:
            return False
        token.cancel(reason)
        return True


class LogBuffer:
    """The lines of one attempt, bounded, on their way to the committer."""

    def __init__(self, committer: Committer, job: Running) -> None:
        self._committer = committer
        self._job = job
        self._lock = threading.Lock()
        self._lines: list[LogLine] = []
        self._written = 0

    def add(self, stream: str, text: str) -> None:
        with self._lock:
            self._lines.append(LogLine(self._job.number, clock.now_ms(), stream, text[:MAX_LINE]))
            if len(self._lines) >= 50 or self._written == 0:
                self._flush()

    def flush(self) -> None:
        with self._lock:
            self._flush()

    def _flush(self) -> None:
        if self._lines:
            self._written += len(self._lines)
            lines = tuple(self._lines[-MAX_LINES:])
            self._lines.clear()
            self._committer.submit(Lines(self._job.reserved.queue, self._job.reserved.id, lines))


class JobThread(threading.Thread):
    """Runs jobs, one after the other. Dramatiq's hooks fire as they do in its own worker threads."""

    def __init__(
        self,
        number: int,
        runtime: Runtime,
        broker: Broker,
        desk: Desk,
        committer: Committer,
        slots: SlotTable | None,
    ) -> None:
        super().__init__(name=f"job-{number}", daemon=True)
        self.number = number
        self.guard = Guard()
        self._runtime = runtime
        self._broker = broker
        self._desk = desk
        self._committer = committer
        self._slots = slots

    def run(self) -> None:
        self._broker.emit_after("worker_thread_boot", self)
        while (reserved := self._desk.inbox.get()) is not None:
            if self._slots:
                self._slots.begin(self.number, reserved.id)
            outcome, duration = self._process(reserved)
            self._desk.end(reserved, duration)
            self._committer.submit(outcome)
            if self._slots:
                self._slots.end(self.number)
        self._broker.emit_before("worker_thread_shutdown", self)

    def _process(self, reserved: Reserved) -> tuple[Outcome, float | None]:
        """Run one job. Never raises: whatever goes wrong is an outcome."""
        try:
            ready = self._read(reserved)
            if isinstance(ready, Outcome):
                return self._committed(ready), None
            outcome = self._attempt(*ready)
            return self._committed(outcome), clock.monotonic() - ready[0].started
        except Exception as problem:  # noqa: BLE001 - a defect of jobctl must not lose the job or kill the thread
            _log.exception("job %s: internal error", reserved.id)
            what = Failure("InternalError", f"{type(problem).__name__}: {problem}")
            return self._committed(verdict.refused(reserved, "?", codec.decode_record(reserved.record), what)), None

    def _committed(self, outcome: Outcome) -> Outcome:
        return Outcome(outcome.kind, outcome.queue, outcome.ended, self._desk.committed)

    def _read(self, reserved: Reserved) -> tuple[Running, Task] | Outcome:
        """The job's body and type; an outcome if it cannot be run."""
        record = codec.decode_record(reserved.record)
        try:
            body = codec.decode_body(reserved.body)
        except ValueError as problem:
            return verdict.refused(reserved, "?", record, Failure("Quarantined", f"unreadable body: {problem}"))
        if codec.canonical(body.queue_name) != reserved.queue:
            why = f"its body names the queue `{body.queue_name}`, it lay in `{reserved.queue}`"
            return verdict.refused(reserved, body.actor_name, record, Failure("Quarantined", why))
        task = self._runtime.tasks.get(body.actor_name)
        if task is None:
            return verdict.unknown_type(reserved, body, record, self._runtime.unknown_after_ms)
        if reserved.crashes >= MAX_CRASHES:
            why = f"its worker died {reserved.crashes} times while running it"
            return verdict.refused(reserved, body.actor_name, record, Failure("WorkerKilled", why))
        record.unknown = None
        return Running(reserved, task.type, body, record, _text_or_none(body.options.get("label"))), task

    def _attempt(self, job: Running, task: Task) -> Outcome:
        job.started_ms, job.started = clock.now_ms(), clock.monotonic()
        token = CancelToken()
        buffer = LogBuffer(self._committer, job)
        reserved, number = job.reserved, job.number
        attempt = Attempt(
            job_id=reserved.id,
            type=job.type.name,
            queue=reserved.queue,
            number=number,
            payload=job.body.kwargs,
            deadline=job.started + job.type.timeout_ms / 1000,
            cancel=token,
            log=buffer.add,
            args=tuple(job.body.args),
            label=job.label,
            environment=self._runtime.environment_of(reserved.id, number),
        )
        self._desk.begin(reserved, token)
        logs.attempt_started(logs.ATTEMPTS, reserved.id, job.type.name, reserved.queue, number, job.label)
        outcome = self._guarded(job, task, attempt)
        buffer.flush()
        self._log_end(job)
        return outcome

    def _guarded(self, job: Running, task: Task, attempt: Attempt) -> Outcome:
        """Run the handler under its time limit. At most one interrupt arrives, and only inside this function."""
        message = _message(job)
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
        if failure is not None and attempt.cancel.reason == "shutdown" and isinstance(failure, AttemptCancelled):
            return verdict.given_back(job.reserved)
        if message.failed and failure is None:
            failure = RuntimeError("a middleware failed the message")
        return verdict.completed(job, result) if failure is None else verdict.failed(job, failure)

    def _run(self, task: Task, attempt: Attempt, message: MessageProxy) -> tuple[Any, BaseException | None]:
        """Call the actor between Dramatiq's hooks."""
        current = Current(
            id=attempt.job_id,
            type=attempt.type,
            queue=attempt.queue,
            attempt=attempt.number,
            payload=attempt.payload,
            label=attempt.label,
            enqueuer=self._runtime.enqueue,
            stopping=lambda: attempt.cancel.cancelled,
            logger=lambda text: attempt.log("log", text),
        )
        broker = self._broker
        try:
            with activate(current):
                broker.emit_before("process_message", message)
                result = None if message.failed else task.run(attempt)
            broker.emit_after("process_message", message, result=result)
        except SkipMessage:
            broker.emit_after("skip_message", message)
            return None, None
        except BaseException as failure:  # noqa: BLE001 - SystemExit and the interrupts are failures of the attempt too
            broker.emit_after("process_message", message, exception=failure)
            return None, failure
        return result, None

    def _log_end(self, job: Running) -> None:
        if not job.record.attempts or job.record.count != job.record.attempts[-1].number:
            return
        last = job.record.attempts[-1]
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


def _message(job: Running) -> MessageProxy:
    body = job.body
    return MessageProxy(
        Message(
            queue_name=job.reserved.queue,
            actor_name=body.actor_name,
            args=tuple(body.args),
            kwargs=body.kwargs,
            options=body.options,
            message_id=body.message_id,
            message_timestamp=body.message_timestamp,
        )
    )


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) else None
