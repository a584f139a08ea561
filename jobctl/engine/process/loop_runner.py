"""Runs one attempt on the event loop, between Dramatiq's hooks, and judges it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import Context
from functools import partial
from typing import Any, TypeVar

from dramatiq.middleware import ShutdownNotifications, SkipMessage, TimeLimit

from jobctl.context import activate
from jobctl.engine.attempt.interrupt import GRACE_S, Guard
from jobctl.engine.attempt.outcome import Outcome
from jobctl.engine.attempt.verdict import Running
from jobctl.engine.attempt.voice import Voice
from jobctl.engine.dramatiq.holding import HeldMessage, LazyMessage
from jobctl.engine.dramatiq.hooks import Hooks
from jobctl.engine.dramatiq.worker_broker import WorkerBroker
from jobctl.engine.process.reading import Start
from jobctl.engine.process.runner import Runner
from jobctl.engine.process.runtime import Runtime, Task
from jobctl.handlers.base import (
    KILL_GRACE_S,
    Attempt,
    AttemptCancelled,
    AttemptTimeout,
    HandlerFailure,
    interruption,
)
from jobctl.handlers.failure import forget
from jobctl.handlers.forks import ends_in_forks

T = TypeVar("T")
OF_THREADS = (TimeLimit, ShutdownNotifications)
"""Middleware that interrupts the thread in which its hook was called: of no use to a task."""

CREDIT_S = 60.0
"""For so long at least, and else for its own time limit, the loop may be blocked at no cost to an attempt."""


class OnLoop:
    """An attempt that runs as a task, and when it is stopped. For the loop's thread alone."""

    __slots__ = (
        "_credit",
        "asked_at",
        "attempt",
        "cancel_at",
        "context",
        "deadline",
        "given_up",
        "inside",
        "interruption",
        "job",
        "slot",
        "start",
        "task",
        "type",
        "voice",
    )

    def __init__(
        self,
        slot: int,
        job: Running,
        type_: Task,
        attempt: Attempt,
        voice: Voice,
        context: Context,
    ) -> None:
        self.slot = slot
        self.job = job
        self.type = type_
        self.attempt = attempt
        self.voice = voice
        self.start: Start | None = None
        self.context = context
        self.deadline = attempt.deadline
        """When it is stopped: later than the attempt's own by the time that others have blocked the loop."""
        self._credit = max(CREDIT_S, attempt.deadline - job.started)
        self.task: asyncio.Task[None] | None = None
        self.inside = False
        """Whether the task is in the job's own code, and may be cancelled."""
        self.interruption: AttemptTimeout | AttemptCancelled | None = None
        self.asked_at = self.cancel_at = 0.0
        self.given_up = False

    def defer(self, by: float) -> None:
        """Others have taken its time, so many seconds; or it has itself, which must not put its end off for ever."""
        by = min(by, self._credit)
        self._credit -= by
        self.deadline += by
        self.cancel_at += by
        self.asked_at += by

    def end(self) -> None:
        """Cancel the task, once: nobody waits for it any more."""
        if self.interruption is None and self.task is not None:
            self.interruption = AttemptCancelled()
            self.task.cancel()

    def check(self, now: float) -> bool:
        """Cancel the task if its time is over or the attempt is to stop, and again every KILL_GRACE_S; whether it goes
        on in spite of that, GRACE_S later."""
        token = self.attempt.cancel
        if not token.cancelled and now < self.deadline:
            return False
        if self.interruption is None:
            if not self.inside:
                return False
            if not token.cancelled:
                token.cancel("timeout")
            self.interruption = interruption(self.attempt)
            self.asked_at = now
        elif now < self.cancel_at:
            return False
        self.cancel_at = now + KILL_GRACE_S
        if self.inside and self.task is not None:
            self.task.cancel()
        return now - self.asked_at >= GRACE_S


class LoopRunner(Runner):
    """Runs the attempts of a process's event loop. jobctl's own hooks are called there; if the application has some,
    all are called by threads of a pool, in the task's context."""

    def __init__(self, runtime: Runtime, broker: WorkerBroker, loop: asyncio.AbstractEventLoop, threads: int) -> None:
        super().__init__(runtime, broker, Guard(threading.Event()))
        self._loop = loop
        self._pool = ThreadPoolExecutor(threads, "middleware")
        self._of_all: Hooks | None = None
        self._of_loop: Hooks | None = None

    @property
    def hooks(self) -> Hooks:
        """Those of the broker, which makes them again with each middleware that is added."""
        if self._of_loop is None or self._of_all is not self._broker.hooks:
            self._of_all, self._of_loop = self._broker.hooks, Hooks(self._broker, without=OF_THREADS)
        return self._of_loop

    async def attempt(self, run: OnLoop) -> Outcome:
        """Run the handler. Whatever it raises is the attempt's failure."""
        job, hooks = run.job, self.hooks
        message = LazyMessage(job.reserved, job.body, job.record)
        at_work, ref = self._broker.at_work, job.reserved.ref
        at_work[ref] = message
        failure: BaseException | None = None
        result: Any = None
        try:
            if hooks.foreign:
                await self.aside(run.context, partial(hooks.before, message))
            else:
                hooks.before(message)
            if not message.failed:
                result = await self.inside(run)
        except BaseException as error:  # noqa: BLE001 - SystemExit and the interrupts are failures of the attempt too
            failure = error
        at_work.pop(ref, None)
        if hooks.slow_after(message):
            settle = partial(self._settle, run, message, result, failure)
            outcome = await self._calmly(run.context, settle)
            del settle
        else:
            outcome = self._settle(run, message, result, failure)
        if (lost := failure or message.undone) is not None:
            forget(lost)
            del lost
        del failure  # this frame is the caller of those in its traceback: it must not hold them, nor they it
        return outcome

    async def inside(self, run: OnLoop) -> Any:
        """The job's own code. What was asked to stop has been stopped, whatever it raised."""
        attempt = run.attempt
        run.inside = True
        try:
            with activate(lambda: self._current(run.job, attempt)), ends_in_forks():
                result = await run.type.run.start(attempt)
        except (Exception, asyncio.CancelledError) as error:
            if run.interruption is not None:
                raise run.interruption from error
            if isinstance(error, asyncio.CancelledError):
                raise HandlerFailure("CancelledError", "the coroutine cancelled itself") from error
            raise
        finally:
            run.inside = False
        if run.interruption is not None and attempt.cancel.reason == "cancelled":
            raise run.interruption  # it has swallowed that it was cancelled
        return result

    def _settle(self, run: OnLoop, message: HeldMessage, result: Any, failure: BaseException | None) -> Outcome:
        """Call the hooks after the attempt, and judge it."""
        if isinstance(failure, SkipMessage):
            self._skipped(run.attempt, message, failure)
            failure = None
        else:
            if failure is not None:
                message.stuff_exception(failure)
            self.hooks.after(message, result, failure)
        return self._judged(run.job, message, result, failure, run.attempt.cancel.reason)

    def aside(self, context: Context, function: Callable[[], T]) -> asyncio.Future[T]:
        """Have a thread of the pool call a function in a task's context, which the task must wait for."""
        future: asyncio.Future[T] = self._loop.create_future()
        # Not at once: the context is the task's until it waits.
        self._loop.call_soon(self._pool.submit, self._call_aside, context, function, future)
        return future

    async def _calmly(self, context: Context, function: Callable[[], T]) -> T:
        """As `aside`, whoever cancels the task meanwhile: its job has ended, and how is being told."""
        told = self.aside(context, function)
        while not told.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait((told,))
        return told.result()

    def _call_aside(self, context: Context, function: Callable[[], T], future: asyncio.Future[T]) -> None:
        result: Any = None
        failure: BaseException | None = None
        try:
            result = context.run(function)
        except BaseException as error:  # noqa: BLE001 - it is raised in the task
            failure = error
        self._loop.call_soon_threadsafe(_settled, future, result, failure)

    def close(self) -> None:
        """No hook is called any more."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _settled(future: asyncio.Future[Any], result: Any, failure: BaseException | None) -> None:
    if future.done():
        return
    if failure is None:
        future.set_result(result)
    else:
        future.set_exception(failure)
