"""Runs one attempt between Dramatiq's hooks, under its time limit, and judges it."""

from __future__ import annotations

import dataclasses
import logging
from functools import partial
from typing import Any

import msgspec
from dramatiq.middleware import SkipMessage

from jobctl.context import Current, activate
from jobctl.engine.attempt import verdict
from jobctl.engine.attempt.interrupt import Guard
from jobctl.engine.attempt.outcome import Outcome
from jobctl.engine.attempt.verdict import Running
from jobctl.engine.dramatiq.broker import body_of
from jobctl.engine.dramatiq.holding import OWN_OPTIONS, HeldMessage, LazyMessage
from jobctl.engine.dramatiq.hooks import Hooks
from jobctl.engine.dramatiq.worker_broker import WorkerBroker
from jobctl.engine.process.runtime import Runtime, Task
from jobctl.handlers.base import Attempt, AttemptCancelled
from jobctl.handlers.failure import describe, forget

_NOT_KEPT = OWN_OPTIONS | {"retries"}
"""Options that hooks see and that are made again for each attempt."""

_log = logging.getLogger("jobctl.worker")


class Runner:
    """Runs the attempts of one thread, which `guard` watches."""

    def __init__(self, runtime: Runtime, broker: WorkerBroker, guard: Guard) -> None:
        self._runtime = runtime
        self._broker = broker
        self._guard = guard
        self._once = broker.store.once

    def run(self, job: Running, task: Task, attempt: Attempt) -> Outcome:
        """Run the handler. At most one interrupt of ours arrives, and only inside this function; those of Dramatiq's
        middleware arrive when they like, and one that comes after the handler's end is nothing to the job."""
        message = LazyMessage(job.reserved, job.body, job.record)
        at_work, ref = self._broker.at_work, job.reserved.ref
        at_work[ref] = message
        result: Any = None
        failure: BaseException | None = None
        ended = False
        try:
            try:
                self._guard.arm(attempt.deadline, attempt.cancel, interrupts=task.interrupts)
                result, failure = self._call(job, task, attempt, message)
                ended = True
            finally:
                self._guard.disarm()
        except BaseException as interrupt:  # noqa: BLE001 - a hook may raise anything, too
            self._guard.disarm()
            if not ended:
                failure = interrupt
        at_work.pop(ref, None)  # a late attempt of the same job may have run here, too
        outcome = self._judged(job, message, result, failure, attempt.cancel.reason)
        if (lost := failure or message.undone) is not None:
            forget(lost)
            del lost
        del failure  # this frame is the caller of those in its traceback: it must not hold them, nor they it
        return outcome

    @property
    def hooks(self) -> Hooks:
        """Dramatiq's, as the broker has them now."""
        return self._broker.hooks

    def refused(self, message: HeldMessage) -> None:
        """A job is dead without an attempt: it has expired, its type stayed unknown, it killed its workers."""
        message.stuff_exception(RuntimeError(f"{message.record.error}: {message.record.message}"))
        self.hooks.ended(message, dead=True)

    def _call(
        self, job: Running, task: Task, attempt: Attempt, message: HeldMessage
    ) -> tuple[Any, BaseException | None]:
        """Call the actor between Dramatiq's hooks."""
        hooks = self._broker.hooks
        try:
            hooks.before(message)
            with activate(lambda: self._current(job, attempt)):
                result = None if message.failed else task.run(attempt)
            hooks.after(message, result, None)
        except SkipMessage as skipped:
            self._skipped(attempt, message, skipped)
            return None, None
        except BaseException as failure:  # noqa: BLE001 - SystemExit and the interrupts are failures of the attempt too
            message.stuff_exception(failure)
            hooks.after(message, None, failure)
            return None, failure
        return result, None

    def _skipped(self, attempt: Attempt, message: HeldMessage, skipped: SkipMessage) -> None:
        _log.info("job %s: skipped by a middleware", attempt.job_id)
        if message.failed:
            message.stuff_exception(skipped)
        self.hooks.skipped(message)

    def _judged(
        self, job: Running, message: HeldMessage, result: Any, failure: BaseException | None, stopped: str | None
    ) -> Outcome:
        """What becomes of the job, told to the hooks. One that a middleware enqueued again comes later. `stopped` is
        why the attempt was asked to stop, if it was."""
        if failure is not None and stopped == "shutdown":
            return verdict.given_back(job.reserved, begun=True)
        if failure is not None and stopped == "cancelled":
            # Whatever it raised after it was asked to stop: a cancelled job must not be retried as failed.
            failure = AttemptCancelled()
        failure = failure or message.undone
        if failure is not None:
            message.stuff_exception(failure)
        again = message.again
        if again is not None and failure is None and not message.failed:
            outcome = verdict.put_off(job.reserved, job.record, again.delay_ms, again.body)
        else:
            outcome = self._told(message, self._verdict(job, message, result, failure))
        self.hooks.ended(message, dead=outcome.kind == "bury")
        if message._exception is not None:
            message.clear_exception()
        return outcome

    def _verdict(self, job: Running, message: HeldMessage, result: Any, failure: BaseException | None) -> Outcome:
        """The catalog decides about a failed attempt, unless a middleware has failed the message: that is final."""
        if message.failed and not isinstance(failure, AttemptCancelled):
            why = failure or message._exception or RuntimeError("a middleware failed the message")
            return verdict.given_up(job, describe(why, job.scrub))
        return verdict.completed(job, result) if failure is None else verdict.failed(job, failure)

    def _told(self, message: HeldMessage, outcome: Outcome) -> Outcome:
        """A retry with the options that hooks have given to its message."""
        again = self.hooks.again(message, outcome.ended.delay_ms) if outcome.kind == "retry" else None
        if again is None:
            return outcome
        kept, known = ({n: v for n, v in m.options.items() if n not in _NOT_KEPT} for m in (again, message.body))
        if kept == known:
            return outcome
        try:
            body = body_of(dataclasses.replace(again, options=kept), message.reserved.queue)
        except (TypeError, ValueError):
            _log.critical("job %s: a hook gave its retry options that are not JSON", message.reserved.id, exc_info=True)
            return outcome
        return msgspec.structs.replace(outcome, ended=msgspec.structs.replace(outcome.ended, body=body))

    def _current(self, job: Running, attempt: Attempt) -> Current:
        """What `jobctl.current()` is."""
        runtime = self._runtime
        return attempt.current(runtime.enqueue, partial(self._side_effect, job), runtime.lifespan.resources)

    def _side_effect(self, job: Running, step: str, key: str, value: str, keep_ms: int) -> tuple[str, str, str]:
        """What `jobctl.once` asks of Redis."""
        reserved = job.reserved
        said = self._once.step(step, key, reserved.queue, reserved.id, reserved.token, value, keep_ms)
        return said.state, said.by, said.value
