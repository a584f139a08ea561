"""`isolate: true`: a Python job in a process of its own, which can be killed whatever it is doing."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from jobctl import clock
from jobctl.catalog.kinds.python import PythonSpec
from jobctl.catalog.model import JobType
from jobctl.context import Current, current
from jobctl.errors import JobctlError, UsageError
from jobctl.handlers.base import (
    Attempt,
    AttemptCancelled,
    AttemptTimeout,
    Handler,
    HandlerFailure,
    Surroundings,
    interruption,
)
from jobctl.handlers.failure import unpack
from jobctl.handlers.limit import SPARE, held_bytes
from jobctl.handlers.pool import Pool, Process, Target, died
from jobctl.handlers.wire import Frame, HungUp
from jobctl.scrubbing import Scrubber

LOOK_S = 0.5
"""How often to look at how much an attempt with limited memory holds."""
KILL_AFTER_S = 2.0
"""How long an attempt that was told to stop may take before its process is killed."""


class IsolatedHandler(Handler):
    """Has attempts run by the processes of a pool."""

    enforces_deadline = True

    def __init__(self, target: Target) -> None:
        self._type, self._target = target.type, target.target
        self._memory = target.memory_bytes
        self._pool = Pool(target)

    def __call__(self, attempt: Attempt) -> Any:
        if attempt.cancel.cancelled:
            raise interruption(attempt)
        process = self._pool.take()
        talk = _Talk(process, attempt, self._memory)
        try:
            answer = talk.until_answered()
        except HungUp:
            status = self._pool.discard(process)
            raise (talk.stopped or died(status)) from None
        except BaseException:
            self._pool.discard(process)
            raise
        if talk.stopped or answer.values.get("error") == "MemoryError":
            self._pool.discard(process)  # what it has started may still run, and nobody knows where it was interrupted
        else:
            self._pool.give_back(process)
        if answer.verb == "failed":
            raise unpack(self._explained(answer.values))
        return answer.values["result"]

    def _explained(self, failed: Mapping[str, Any]) -> Mapping[str, Any]:
        """Python says of a MemoryError nothing at all: a person must hear which limit it was."""
        if failed.get("error") != "MemoryError" or failed.get("message") or self._memory is None:
            return failed
        return {**failed, "message": f"exceeded its `memory` of {self._memory:,} bytes"}

    def warm(self) -> None:
        self._pool.warm()

    def close(self) -> None:
        self._pool.close()

    def get_ready(self) -> None:
        """Have a process that has imported the target. Raises UsageError if it cannot."""
        process = self._pool.take()
        try:
            while not process.ready:
                for frame in process.receive(60.0):
                    _admit(process, frame)
        except HungUp:
            why = died(self._pool.discard(process))
            raise UsageError(f"job {self._type}: importing {self._target} failed: {why}") from None
        except BaseException:
            process.kill()
            raise
        self._pool.give_back(process)


def build(job_type: JobType, surroundings: Surroundings) -> IsolatedHandler:
    """Nothing is imported here: that happens in the job's process."""
    assert isinstance(job_type.handler, PythonSpec)
    return IsolatedHandler(
        Target(
            job_type.name,
            job_type.handler.target,
            job_type.memory_bytes,
            dict(surroundings.env),
            surroundings.lifespan,
        )
    )


class _Talk:
    """One attempt, in messages to and from its process."""

    def __init__(self, process: Process, attempt: Attempt, memory: int | None) -> None:
        self.stopped: AttemptTimeout | AttemptCancelled | None = None
        """Why it was told to stop, if it was."""
        self._process = process
        self._attempt = attempt
        self._number = process.runs + 1
        self._until = attempt.deadline
        self._memory = memory
        self._look_at = clock.monotonic() + LOOK_S

    def until_answered(self) -> Frame:
        """How the attempt ended. Raises HungUp when the process ended first, or was to and did not."""
        process = self._process
        self._attempt.cancel.on_cancel(process.wake)
        while not process.ready:  # it reads nothing while it imports
            self._hear()
        process.send(Frame("run", self._number, values=_told(self._attempt)))
        while (answer := self._hear()) is None:
            pass
        return answer

    def _hear(self) -> Frame | None:
        """Serve what the process says now, and keep the time; its answer, if that is what it says."""
        until = self._until if self._memory is None else min(self._until, self._look_at)
        for frame in self._process.receive(until - clock.monotonic()):
            if frame.verb in ("done", "failed"):
                return frame
            self._serve(frame)
        self._keep_time()
        self._keep_memory()
        return None

    def _keep_memory(self) -> None:
        """Raise HandlerFailure, as for an allocation that failed, when it holds too much in mappings that it shares."""
        if self._memory is None or clock.monotonic() < self._look_at:
            return
        self._look_at = clock.monotonic() + LOOK_S
        if (held := held_bytes(self._process.pid)) > self._memory + SPARE:
            text = f"it used {held:,} bytes, shared mappings included; its `memory` is {self._memory:,}"
            raise HandlerFailure("MemoryError", text)

    def _keep_time(self) -> None:
        now = clock.monotonic()
        if self.stopped is None and (self._attempt.cancel.cancelled or now >= self._until):
            self.stopped = interruption(self._attempt)
            if not self._process.ready:
                raise HungUp
            reason = self._attempt.cancel.reason or "timeout"
            self._process.send(Frame("stop", self._number, values={"reason": reason}))
            self._until = now + KILL_AFTER_S
        elif self.stopped is not None and now >= self._until:
            raise HungUp

    def _serve(self, frame: Frame) -> None:
        """Do what the process asks for; of an attempt that is over, nothing."""
        values = frame.values
        match frame.verb:
            case "ready" | "refused":
                _admit(self._process, frame)
            case "logged":
                _log(values)
            case "log" if frame.run == self._number:
                if (wait := self._attempt.log(values["stream"], values["text"])) > 0:
                    time.sleep(wait)  # meanwhile nothing is read, and the job waits when its line is full
            case "progress" if frame.run == self._number:
                self._attempt.progress(values["done"], values["total"], values["message"])
            case _ if frame.id:
                self._process.send(self._reply(frame))

    def _reply(self, frame: Frame) -> Frame:
        try:
            if frame.run != self._number:
                raise UsageError("the job that asks for this has ended")
            return Frame("reply", frame.run, frame.id, {"result": _ANSWERS[frame.verb](current(), frame.values)})
        except Exception as error:  # noqa: BLE001 - it is raised in the job, as it would be without isolation
            message, hint = (error.message, error.hint) if isinstance(error, JobctlError) else (str(error), "")
            told = {"error": type(error).__name__, "message": message, "hint": hint}
            return Frame("refuse", frame.run, frame.id, told)


def _enqueue(job: Current, asked: Mapping[str, Any]) -> Any:
    options = dict(asked["options"])
    if isinstance(options.get("at"), str):  # a datetime that has travelled as JSON
        options["at"] = datetime.fromisoformat(options["at"])
    return job.enqueuer(asked["type"], asked["payload"], **options)


def _side_effect(job: Current, asked: Mapping[str, Any]) -> Any:
    return job.side_effect(asked["step"], asked["key"], asked["value"], asked["keep_ms"])


_ANSWERS: Mapping[str, Callable[[Current, Mapping[str, Any]], Any]] = {
    "enqueue": _enqueue,
    "side_effect": _side_effect,
}
"""What a job may ask of its worker: verb → what answers it, from `jobctl.current()` of the worker and what was said."""


def _told(attempt: Attempt) -> dict[str, Any]:
    return {
        "id": attempt.job_id,
        "type": attempt.type,
        "queue": attempt.queue,
        "attempt": attempt.number,
        "payload": attempt.payload,
        "args": attempt.args,
        "label": attempt.label,
        "left_s": attempt.deadline - clock.monotonic(),
        "secrets": attempt.scrub.forms if isinstance(attempt.scrub, Scrubber) else (),
    }


def _admit(process: Process, frame: Frame) -> None:
    """Note that the process is ready. Raises UsageError if it cannot import its target."""
    if frame.verb == "refused":
        raise UsageError(frame.values["message"], frame.values["hint"])
    process.ready = process.ready or frame.verb == "ready"


def _log(said: Mapping[str, Any]) -> None:
    """Write what a logger in the process said. Not through a logger of that name: the job chooses it."""
    record = {"name": said["name"], "levelno": said["level"], "levelname": logging.getLevelName(said["level"])}
    logging.getLogger().handle(logging.makeLogRecord({**record, "msg": said["text"]}))
