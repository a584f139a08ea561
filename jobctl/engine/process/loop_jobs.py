"""The jobs that run as tasks on a process's event loop."""

from __future__ import annotations

import asyncio
import logging
import traceback
from contextvars import copy_context
from queue import Empty
from typing import Any

from jobctl import clock
from jobctl.engine.attempt import verdict
from jobctl.engine.attempt.interrupt import GRACE_S
from jobctl.engine.attempt.outcome import Outcome
from jobctl.engine.attempt.voice import Voice
from jobctl.engine.process.committer import Committer
from jobctl.engine.process.desk import Desk
from jobctl.engine.process.loop_runner import LoopRunner, OnLoop
from jobctl.engine.process.reading import Reader, Refusal, Start, internal_error, log_end
from jobctl.engine.process.slots import SlotTable
from jobctl.handlers.base import AttemptCancelled, AttemptTimeout
from jobctl.handlers.failure import MAX_TRACEBACK, Failure
from jobctl.store.nouns.settle import Reserved

LOOK_S = 0.05
"""How often time limits and cancels are looked at while something runs."""
BLOCKED_S = 1.0
"""A loop that has not turned for so long was blocked: by one job, and the others' time limits are later by that."""

_log = logging.getLogger("jobctl.worker")


class LoopJobs:
    """Runs as many jobs at once as there are slots. In the loop's thread, but for `wake` and `look`."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        runner: LoopRunner,
        reader: Reader,
        desk: Desk,
        committer: Committer,
        slots: SlotTable | None,
        first_slot: int,
    ) -> None:
        """`slots`, from number `first_slot` on, is where the supervisor reads what runs."""
        self._loop = loop
        self._runner = runner
        self._reader = reader
        self._desk = desk
        self._committer = committer
        self._slots = slots
        self._free = list(range(first_slot + desk.loop.slots - 1, first_slot - 1, -1))
        self._running: dict[int, OnLoop] = {}
        self._ended: list[tuple[Reserved, Outcome, float | None]] = []
        self._context = copy_context()
        self._woken = self._flushing = False
        self._looking: asyncio.TimerHandle | None = None
        self._looked = 0.0
        self.given_up = 0
        """How many tasks continue though their attempts were given up."""
        self.stuck: OnLoop | None = None
        """The job that blocks the loop and cannot be interrupted."""
        self.dead = False
        """Whether the loop is not expected to turn again."""
        desk.loop.wake = self.wake  # type: ignore[method-assign]

    def wake(self) -> None:
        """Something waits in the inbox. Any thread may call it."""
        if not self._woken:
            self._woken = True
            self._loop.call_soon_threadsafe(self._fill, context=self._context.copy())

    def look(self, now: float) -> None:
        """Tell what attempts have said, and which of them take longer. Called by another thread a few times a second:
        it goes on while a job blocks the loop. One that blocks it past its time limit, and cannot be interrupted, is
        given up here."""
        stuck = self.stuck
        if stuck is not None and not stuck.given_up and now - stuck.deadline >= GRACE_S:
            self.give_up(stuck, "It blocked the event loop of its process.\n")
        for run in list(self._running.values()):
            run.voice.tick(now)
            if run.start is None:
                run.start = Start(run.job, self._committer)
            run.start.tell(now)

    def hush(self) -> None:
        """Write what the running attempts have said; they are about to be given back."""
        for run in list(self._running.values()):
            run.voice.finish()

    def _fill(self) -> None:
        """Give free slots to what waits."""
        self._woken = False
        inbox = self._desk.loop.inbox
        while self._free:
            try:
                reserved = inbox.get_nowait()
            except Empty:
                return
            if reserved is not None:
                self._begin(reserved)

    def _begin(self, reserved: Reserved) -> None:
        slot = self._free.pop()
        if self._slots:
            self._slots.begin(slot, reserved.token, reserved.queue, reserved.id)
        ready = self._reader.read(reserved)
        if isinstance(ready, Refusal):
            self._refuse(slot, reserved, ready)
            return
        job, task = ready
        voice = Voice(self._committer, job)
        attempt = self._reader.begin(job, voice, patient=False)
        run = OnLoop(slot, job, task, attempt, voice, self._context.copy())
        self._running[slot] = run
        self._desk.loop.moved = job.started
        self._desk.begin(reserved, attempt.cancel)
        if self._slots:
            self._slots.limit(slot, attempt.deadline)
        run.task = asyncio.Task(self._run(run), loop=self._loop, context=run.context)  # as create_task, and quicker
        if self._looking is None:
            self._looked = clock.monotonic()
            self._look_later()

    def _refuse(self, slot: int, reserved: Reserved, refusal: Refusal) -> None:
        message = refusal.message
        if message is not None and self._runner.hooks.foreign:
            told = self._runner.aside(self._context.copy(), lambda: self._runner.refused(message))
            told.add_done_callback(lambda _told: self._over(slot, reserved, refusal.outcome, None))
            return
        if message is not None:
            self._runner.refused(message)
        self._over(slot, reserved, refusal.outcome, None)

    async def _run(self, run: OnLoop) -> None:
        """One attempt to its end. Never raises: whatever goes wrong is an outcome."""
        job = run.job
        try:
            outcome = await self._runner.attempt(run)
        except BaseException as problem:  # noqa: BLE001 - a defect of jobctl must not lose the job
            outcome = internal_error(job.reserved, problem)
        if run.given_up:
            self.given_up -= 1
            self._free_slot(run.slot)
            return
        run.voice.finish()
        log_end(job)
        self._over(run.slot, job.reserved, outcome, clock.monotonic() - job.started)

    def _over(self, slot: int, reserved: Reserved, outcome: Outcome, duration: float | None) -> None:
        """An attempt has ended: it is written together with those that end in the same turn of the loop."""
        self._ended.append((reserved, outcome, duration))
        if not self._flushing:
            self._flushing = True
            self._loop.call_soon(self.flush, context=self._context)
        self._free_slot(slot)

    def _free_slot(self, slot: int) -> None:
        self._running.pop(slot, None)
        if self._slots:
            self._slots.end(slot)
        self._free.append(slot)
        if not self._woken and not self._desk.loop.inbox.empty():
            self._woken = True
            self._loop.call_soon(self._fill, context=self._context)

    def flush(self) -> None:
        """Hand over what has ended."""
        self._flushing = False
        ended, self._ended = self._ended, []
        if ended:
            self._desk.end_all([(reserved, duration) for reserved, _, duration in ended])
            self._committer.submit_all([outcome for _, outcome, _ in ended])

    # when the loop is blocked: in other threads

    @property
    def closed(self) -> bool:
        """Whether nothing more is fetched for the loop."""
        return self._desk.loop.closed

    @closed.setter
    def closed(self, closed: bool) -> None:
        self._desk.loop.closed = closed

    def save(self, blocker: OnLoop | None) -> None:
        """The loop is not expected to turn again: write what has ended, and give back all but what blocks it. Neither
        an attempt nor a crash is counted for these; should they run on, what they do is void."""
        self.stuck, self.dead = blocker, True
        self.flush()
        for run in list(self._running.values()):
            if run is blocker or run.given_up:
                continue
            run.given_up = True
            self.given_up += 1
            run.voice.finish()
            reserved = run.job.reserved
            self._desk.end(reserved, None)
            self._committer.submit(verdict.given_back(reserved, begun=True))
            if self._slots:
                self._slots.end(run.slot)

    # time limits

    def _look_later(self) -> None:
        self._looking = self._loop.call_later(LOOK_S, self._look, context=self._context)

    def _look(self) -> None:
        now = clock.monotonic()
        blocked = now - self._looked
        self._looked = now
        for run in list(self._running.values()):
            if blocked > BLOCKED_S:
                self._defer(run, blocked)
            if run.task is not None and run.task.done():
                self._lost(run, run.task)
            elif run.given_up:
                run.end()  # it was given back while the loop was blocked
            elif run.check(now):
                self.give_up(run, stack(run.task))
        if self._running:
            self._look_later()
        else:
            self._looking = None

    def _defer(self, run: OnLoop, by: float) -> None:
        run.defer(by)
        if self._slots:
            self._slots.limit(run.slot, run.deadline)

    def _lost(self, run: OnLoop, task: asyncio.Task[None]) -> None:
        """Its task has ended and said nothing: another job cancelled it before its first step, with all tasks."""
        reserved = run.job.reserved
        problem = None if task.cancelled() else task.exception()
        outcome = internal_error(reserved, problem) if problem else verdict.given_back(reserved, begun=False)
        self.given_up -= run.given_up
        self._over(run.slot, reserved, outcome, None)

    def give_up(self, run: OnLoop, where: str) -> None:
        """It has failed, whatever it may still do. Its slot is free when its task ends. `where` it stands is a
        traceback. Called by another thread only while the loop is blocked."""
        run.given_up = True
        self.given_up += 1
        job = run.job
        run.voice.finish()
        _log.error("job %s: its task ignores that it was cancelled; abandoning it\n%s", job.reserved.id, where.rstrip())
        if run.attempt.cancel.reason == "cancelled":
            outcome = verdict.failed(job, AttemptCancelled())
        else:
            timeout = AttemptTimeout()
            timeout.described = Failure("Timeout", "", job.scrub(where) if job.scrub else where)
            outcome = verdict.failed(job, timeout)
        log_end(job)
        self._ended.append((job.reserved, outcome, clock.monotonic() - job.started))
        self.flush()
        if self._slots:
            self._slots.give_up(run.slot)


def stack(task: asyncio.Task[Any] | None) -> str:
    """Where a task waits, as a traceback: from its outermost coroutine to the innermost."""
    frames = []
    waits: Any = task.get_coro() if task is not None else None
    while waits is not None:
        frame = next(filter(None, (getattr(waits, name, None) for name in ("cr_frame", "gi_frame", "ag_frame"))), None)
        if frame is not None:
            frames.append((frame, frame.f_lineno))
        inner = (getattr(waits, name, None) for name in ("cr_await", "gi_yieldfrom", "ag_await"))
        waits = next(filter(None, inner), None)
    lines = traceback.StackSummary.extract(iter(frames)).format()
    return "Traceback (most recent call last):\n" + "".join(lines)[-MAX_TRACEBACK:]
