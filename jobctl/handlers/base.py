"""What a handler is given and how it says that it failed. Handlers never import the engine or the store."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from jobctl.context import Current, SideEffect, unrecorded

_lock = threading.Lock()
"""One for all tokens: it is held for moments, and a token is made for every attempt."""


class CancelToken:
    """Tells a running attempt to stop, and why. Thread-safe; callbacks run once, in the canceller's thread."""

    __slots__ = ("_callbacks", "reason")

    def __init__(self) -> None:
        self._callbacks: list[Callable[[], None]] = []
        self.reason: str | None = None

    @property
    def cancelled(self) -> bool:
        return self.reason is not None

    def cancel(self, reason: str) -> None:
        """Ask the attempt to stop. `reason` is "cancelled", "timeout" or "shutdown"; the first one wins."""
        with _lock:
            if self.reason is not None:
                return
            self.reason = reason
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()

    def on_cancel(self, callback: Callable[[], None]) -> None:
        """Call `callback` when the attempt is to stop; at once if it already is."""
        with _lock:
            if self.reason is None:
                self._callbacks.append(callback)
                return
        callback()


def unheard(_done: float, _total: float | None, _message: str | None) -> None:
    """Drops the progress of an attempt that nobody watches."""


def unchanged(text: str, **_cut: bool) -> str:
    """How texts are scrubbed where nothing is secret."""
    return text


class Attempt(msgspec.Struct, frozen=True):
    """One run of a job, as its handler sees it.

    `deadline` is on `clock.monotonic()`. `environment` is added to a command's environment (the connection), beside
    what `told` says of the job; `token` is that of its reservation. `log` takes ("stdout" | "stderr" | "log", text) and
    returns for how many seconds to say no more, 0 as a rule: what is said nevertheless is bounded. `progress` takes
    (done, total or None, message or None). `args` holds the positional arguments that a stock Dramatiq message may
    carry; jobs of jobctl have none. `scrub` takes the payload's redacted values out of a text, for one that is to be
    cut: half a secret is no longer found. `trace` gives the variables of the trace that is current.
    """

    job_id: str
    type: str
    queue: str
    number: int
    payload: Mapping[str, Any]
    deadline: float
    cancel: CancelToken
    log: Callable[[str, str], float]
    args: Sequence[Any] = ()
    label: str | None = None
    environment: Mapping[str, str] = msgspec.field(default_factory=dict)
    token: str = ""
    progress: Callable[[float, float | None, str | None], None] = unheard
    scrub: Callable[..., str] = unchanged
    trace: Callable[[], Mapping[str, str]] = dict

    def told(self) -> dict[str, str]:
        """What a command finds in its environment of its job. With the token, `jobctl log` and `progress` speak for
        this attempt and no other."""
        return {
            **self.environment,
            **self.trace(),
            "JOBCTL_JOB_ID": self.job_id,
            "JOBCTL_ATTEMPT": str(self.number),
            "JOBCTL_TOKEN": self.token,
        }

    def say(self, text: str) -> None:
        """Add a line to the log, and wait if there are too many."""
        if (wait := self.log("log", text)) > 0:
            time.sleep(wait)

    def current(
        self, enqueuer: Callable[..., Any], side_effect: SideEffect = unrecorded, resources: Any = None
    ) -> Current:
        """What `jobctl.current()` is for the code that this attempt runs. `resources` is what the lifespan yielded."""
        return Current(
            id=self.job_id,
            type=self.type,
            queue=self.queue,
            attempt=self.number,
            payload=self.payload,
            label=self.label,
            enqueuer=enqueuer,
            stopping=lambda: self.cancel.cancelled,
            logger=self.say,
            progresser=self.progress,
            scrub=self.scrub,
            side_effect=side_effect,
            resources=resources,
        )


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a handler is built from besides its own part of the catalog.

    `env` is the worker's environment: what `{env: NAME}` reads and what a command inherits. `folder` is the
    catalog's: what `{file: PATH}` is relative to. `lifespan` is the target that the process of an isolated job enters.
    """

    job_type: str
    env: Mapping[str, str] = field(default_factory=dict)
    folder: Path = Path()
    lifespan: str | None = None


class Handler(ABC):
    """Runs the attempts of one job type, several at once, each in the thread that calls it; or, `on_loop`, as tasks."""

    enforces_deadline = False
    """Whether it ends an attempt itself at its deadline or when it is cancelled. Of one that does not, the engine
    raises AttemptTimeout or AttemptCancelled in the thread that runs it."""
    loop: Any = None
    """The event loop on which it awaits what it calls, if it is not one of its own each time."""
    on_loop = False
    """Whether a worker runs attempts on its event loop, by `start`, which it then stops by cancelling its task."""
    actor: Any = None
    """The existing Dramatiq actor that it runs, whose name messages carry."""

    @abstractmethod
    def __call__(self, attempt: Attempt) -> Any:
        """Run one attempt and return its result (JSON-encodable, or None). Any exception is a failure."""

    def start(self, attempt: Attempt) -> Coroutine[Any, Any, Any]:
        """One attempt as a coroutine, of one that is `on_loop`; awaiting it is as calling this handler."""
        raise NotImplementedError

    def warm(self) -> None:  # noqa: B027 - most kinds keep nothing ready
        """Start what is kept ready for attempts, without waiting for it; `close` ends it."""

    def get_ready(self) -> None:  # noqa: B027 - most kinds keep nothing ready
        """Wait until attempts can run. Raises UsageError if they cannot."""

    def close(self) -> None:  # noqa: B027 - most kinds keep nothing ready
        """No attempt will run any more."""


class HandlerFailure(Exception):
    """A failure that is not an exception of the user's code.

    `match` holds the names that `retries.on` / `never_on` compare with ("exit:64", "http:503", "http:5xx", "timeout").
    `retryable` False means that no retry can help (an http 4xx). `retry_after_ms` is what the other side asked for.
    `error` is the short class name shown to people: "ExitCode", "HttpStatus", "HttpError", "Timeout".
    """

    def __init__(
        self,
        error: str,
        message: str,
        *,
        match: tuple[str, ...] = (),
        retryable: bool = True,
        retry_after_ms: int | None = None,
    ) -> None:
        super().__init__(message)
        self.error = error
        self.match = match
        self.retryable = retryable
        self.retry_after_ms = retry_after_ms


class AttemptTimeout(BaseException):
    """The attempt ran past its time limit. A BaseException so that a job's `except Exception` does not swallow it.

    `described`: if it was raised in a process of its own, the failure.Failure that it was there.
    """

    described: Any = None


class AttemptCancelled(BaseException):
    """The attempt was asked to stop: the job is cancelled, or the worker shuts down."""


class LoopBlocked(BaseException):
    """The attempt kept the event loop of its process from turning. A BaseException, as AttemptTimeout is."""


KILL_GRACE_S = 5.0
"""How long what was asked to stop may take before it is stopped by force."""


def interruption(attempt: Attempt) -> AttemptTimeout | AttemptCancelled:
    """The exception for an attempt that is to stop now: cancelled if it was asked to, timed out otherwise."""
    reason = attempt.cancel.reason
    if reason is None or reason == "timeout":
        return AttemptTimeout("the attempt ran past its time limit")
    return AttemptCancelled(f"the attempt was stopped: {reason}")
