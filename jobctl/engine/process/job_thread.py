"""The threads that run a process's jobs."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Iterator
from itertools import islice

from jobctl import clock
from jobctl.engine.attempt import verdict
from jobctl.engine.attempt.interrupt import Guard
from jobctl.engine.attempt.outcome import Outcome
from jobctl.engine.attempt.verdict import Running
from jobctl.engine.attempt.voice import Voice
from jobctl.engine.dramatiq.worker_broker import WorkerBroker
from jobctl.engine.process.committer import Committer
from jobctl.engine.process.desk import Desk
from jobctl.engine.process.reading import Reader, Refusal, Start, internal_error, log_end
from jobctl.engine.process.runner import Runner
from jobctl.engine.process.runtime import Runtime, Task
from jobctl.engine.process.slots import SlotTable
from jobctl.handlers.base import AttemptCancelled, AttemptTimeout
from jobctl.store.nouns.settle import Reserved

_log = logging.getLogger("jobctl.worker")


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
        self._broker = broker
        self._runner = Runner(runtime, broker, self.guard)
        self._reader = Reader(runtime, desk, committer)
        self._desk = desk
        self._committer = committer
        self._slots = slots
        self._inbox: Iterator[Reserved | None] = iter(desk.inbox.get, object())
        self._hand: deque[Reserved | None] = deque()
        self._ended: tuple[Outcome, float | None] | None = None
        self._job: Running | None = None
        self._start_of: Start | None = None
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
        if self._start_of is None or self._start_of.job is not job:
            self._start_of = Start(job, self._committer)
        self._start_of.tell(now)
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
            ready = self._reader.read(reserved)
            if isinstance(ready, Refusal):
                if ready.message is not None:
                    self._runner.refused(ready.message)
                return ready.outcome, None
            outcome = self._attempt(*ready)
            return outcome, clock.monotonic() - ready[0].started
        except Exception as problem:  # noqa: BLE001 - a defect of jobctl must not lose the job or kill the thread
            return internal_error(reserved, problem), None

    def _attempt(self, job: Running, task: Task) -> Outcome:
        self._voice = voice = Voice(self._committer, job)
        attempt = self._reader.begin(job, voice)
        self._job = job
        self._desk.begin(job.reserved, attempt.cancel)
        if self._slots:
            self._slots.limit(self.number, attempt.deadline)
        outcome = self._runner.run(job, task, attempt)
        voice.finish()
        log_end(job)
        return outcome
