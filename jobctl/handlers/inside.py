"""The process of an isolated job, from the inside: imports the target once, then runs attempts one at a time.

Attempts run in the main thread; a second one reads what the worker says meanwhile. A worker that is gone, or has had
enough of this process, hangs up: then it ends at once.
"""

from __future__ import annotations

import builtins
import contextlib
import itertools
import logging
import os
import socket
import sys
import threading
from collections.abc import Mapping
from queue import SimpleQueue
from typing import Any

import msgspec

from jobctl import clock, errors, prctl
from jobctl.catalog.kinds.python import PythonSpec
from jobctl.context import Current, activate
from jobctl.handlers import python
from jobctl.handlers.alarm import Alarm
from jobctl.handlers.base import (
    Attempt,
    AttemptCancelled,
    AttemptTimeout,
    CancelToken,
    Surroundings,
    interruption,
    unchanged,
)
from jobctl.handlers.failure import forget, pack
from jobctl.handlers.limit import lift_memory, limit_memory
from jobctl.handlers.result import encode_result
from jobctl.handlers.wire import Frame, HungUp, Line
from jobctl.scrubbing import Scrubber

MAX_TEXT = 8_192
"""How much of one text of a job's log is passed on; the worker keeps less."""
_READER_STACK = 262_144
"""A thread's usual stack of 8 MB would count against the job's memory."""


def main(descriptor: int, worker: int) -> None:
    """Serve the worker at the other end of the socket `descriptor`, the process `worker`, for as long as it lives."""
    lives = prctl.die_with_parent(worker)
    connected = socket.socket(fileno=descriptor)
    connected.set_inheritable(False)
    os.register_at_fork(after_in_child=connected.close)  # what the job forks must not speak for it
    if lives:
        _Inside(Line(connected)).serve()


class _Run:
    """One attempt: what the worker said of it, and its token."""

    def __init__(self, frame: Frame) -> None:
        self.number = frame.run
        self.values = frame.values
        self.token = CancelToken()
        secrets = frame.values["secrets"]
        self.using = Scrubber(secrets) if secrets else None
        """Takes what is redacted out of texts, before they are cut: half a secret is no longer found."""

    def text(self, text: str) -> str:
        """A text for the worker, scrubbed and bounded."""
        return (text if self.using is None else self.using(text))[:MAX_TEXT]


class _Inside:
    def __init__(self, line: Line) -> None:
        self._line = line
        self._alarm = Alarm()
        self._runs: SimpleQueue[_Run | None] = SimpleQueue()
        self.run: _Run | None = None
        self._asked: dict[int, SimpleQueue[Frame]] = {}
        self._ids = itertools.count(1)
        self._resources: Any = None

    def serve(self) -> None:
        waiting: list[Frame] = []
        while not waiting:
            waiting = self._line.receive()
        load, *rest = waiting
        with contextlib.ExitStack() as lifespan:
            try:
                handler = self._load(load.values, lifespan)
            except (errors.UsageError, MemoryError) as error:
                text = "its memory limit is too small to import it" if isinstance(error, MemoryError) else error.message
                self._line.send(Frame("refused", values={"message": text, "hint": getattr(error, "hint", "")}))
                return
            threading.stack_size(_READER_STACK)
            threading.Thread(target=self._listen, args=(rest,), name="worker", daemon=True).start()
            threading.stack_size(0)
            self.say(Frame("ready"))
            for run in iter(self._runs.get, None):
                self._answer(run, handler)

    def _load(self, given: Mapping[str, Any], lifespan: contextlib.ExitStack) -> python.PythonHandler:
        """Import the target, and enter what the jobs of this process share. Raises UsageError or MemoryError."""
        limit_memory(given["memory"])
        logging.getLogger().addHandler(_Forward(self))
        handler = python.build(PythonSpec(given["target"]), Surroundings(given["type"]))
        if given["lifespan"] is not None:
            from jobctl.handlers.lifespan import around

            self._resources = lifespan.enter_context(around(given["lifespan"], handler))
        return handler

    def _listen(self, frames: list[Frame]) -> None:
        with contextlib.suppress(HungUp):
            while True:
                for frame in frames:
                    self._hear(frame)
                frames = self._line.receive()
        os._exit(0)

    def _hear(self, frame: Frame) -> None:
        match frame.verb:
            case "run":
                self.run = run = _Run(frame)
                self._runs.put(run)
            case "stop" if self.run is not None and self.run.number == frame.run:
                reason = frame.values["reason"]
                self.run.token.cancel(reason)
                self._alarm.ring(AttemptTimeout if reason == "timeout" else AttemptCancelled)
            case "reply" | "refuse":
                if (box := self._asked.get(frame.id)) is not None:
                    box.put(frame)
            case "end":
                self._runs.put(None)

    def say(self, frame: Frame) -> None:
        """Send a frame whole, whatever interrupts this thread."""
        self._alarm.hold(lambda: self._line.send(frame))

    def _tell(self, run: _Run, verb: str, **values: Any) -> None:
        self.say(Frame(verb, run.number, values=values))

    def _log(self, run: _Run, stream: str, text: str) -> float:
        """The worker reads no more lines than it keeps: sending is waiting."""
        self._tell(run, "log", stream=stream, text=run.text(text))
        return 0.0

    def ask(self, run: int, verb: str, **values: Any) -> Any:
        """What the worker answers. Raises what it says that it raised."""
        number, box = next(self._ids), SimpleQueue[Frame]()
        self._asked[number] = box
        try:
            self.say(Frame(verb, run, number, values))
            reply = box.get()
        finally:
            self._asked.pop(number, None)
        if reply.verb == "refuse":
            raise _error(reply.values)
        return reply.values["result"]

    def _answer(self, run: _Run, handler: python.PythonHandler) -> None:
        result, failure = self._attempt(run, handler)
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
        if failure is None:
            try:
                data = encode_result(result)
                self.say(Frame("done", run.number, values={"result": msgspec.Raw(data or b"null")}))
                return
            except MemoryError as error:
                failure = error
        if isinstance(failure, MemoryError):
            lift_memory()  # so that there is some for saying so; the worker replaces this process
        self.say(Frame("failed", run.number, values=pack(failure, run.using)))
        forget(failure)

    def _attempt(self, run: _Run, handler: python.PythonHandler) -> tuple[Any, BaseException | None]:
        """Run it under its worker's orders. At most one interrupt arrives, and only inside this function."""
        result: Any = None
        failure: BaseException | None = None
        ended = False
        try:
            try:
                if not handler.enforces_deadline:
                    self._alarm.arm()
                result, failure = self._call(run, handler)
                ended = True
            finally:
                self._alarm.disarm()
        except (AttemptTimeout, AttemptCancelled) as interrupt:
            self._alarm.disarm()
            if not ended:
                failure = interrupt
        return result, failure

    def _call(self, run: _Run, handler: python.PythonHandler) -> tuple[Any, BaseException | None]:
        given = run.values
        attempt = Attempt(
            job_id=given["id"],
            type=given["type"],
            queue=given["queue"],
            number=given["attempt"],
            payload=given["payload"],
            deadline=clock.monotonic() + given["left_s"],
            cancel=run.token,
            log=lambda stream, text: self._log(run, stream, text),
            progress=lambda done, total, message: self._tell(
                run, "progress", done=done, total=total, message=None if message is None else run.text(message)
            ),
            scrub=run.using or unchanged,
            args=given["args"],
            label=given["label"],
        )
        try:
            if run.token.cancelled:
                raise interruption(attempt)
            with activate(lambda: self._job(run, attempt)):
                return handler(attempt), None
        except BaseException as failure:  # noqa: BLE001 - whatever it raises is the attempt's failure
            return None, failure

    def _job(self, run: _Run, attempt: Attempt) -> Current:
        """What `jobctl.current()` is here: what it does, the worker does."""

        def enqueue(job_type: str, payload: Mapping[str, Any], **options: Any) -> Any:
            return self.ask(run.number, "enqueue", type=job_type, payload=payload, options=options)

        def side_effect(step: str, key: str, value: str, keep_ms: int) -> tuple[str, str, str]:
            state, by, kept = self.ask(run.number, "side_effect", step=step, key=key, value=value, keep_ms=keep_ms)
            return state, by, kept

        return attempt.current(enqueue, side_effect, self._resources)


class _Forward(logging.Handler):
    """Hands what libraries and jobs log to the worker, which writes it as it writes its own."""

    def __init__(self, inside: _Inside) -> None:
        super().__init__()
        self._inside = inside

    def emit(self, record: logging.LogRecord) -> None:
        try:
            run, text = self._inside.run, self.format(record)
            text = text[:MAX_TEXT] if run is None else run.text(text)
            values = {"name": record.name, "level": record.levelno, "text": text}
            self._inside.say(Frame("logged", values=values))
        except Exception:  # noqa: BLE001 - a message that cannot be formatted or sent must not stop the job
            self.handleError(record)


def _error(values: Mapping[str, Any]) -> Exception:
    """An exception of the class that the worker named, if it is one that this process knows."""
    name, message = values["error"], values["message"]
    kind = getattr(errors, name, None)
    if isinstance(kind, type) and issubclass(kind, errors.JobctlError):
        return kind(message, values["hint"])
    kind = getattr(builtins, name, None)
    return kind(message) if isinstance(kind, type) and issubclass(kind, Exception) else RuntimeError(message)
