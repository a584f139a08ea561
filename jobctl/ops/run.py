"""Runs a job here and now: no queue, no Redis, one attempt."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from jobctl import clock, redaction, scrubbing, text
from jobctl.catalog.imports import folder, make_importable
from jobctl.catalog.kinds.actor import ActorSpec
from jobctl.catalog.model import Catalog, JobType
from jobctl.context import activate
from jobctl.handlers import build
from jobctl.handlers.base import (
    Attempt,
    AttemptCancelled,
    AttemptTimeout,
    CancelToken,
    Handler,
    HandlerFailure,
    unchanged,
)
from jobctl.handlers.failure import Failure, describe
from jobctl.handlers.lifespan import around
from jobctl.handlers.python import PythonHandler
from jobctl.handlers.result import encode_result
from jobctl.settings import RUN_TOKEN
from jobctl.store import Store
from jobctl.store.data.newjob import NewJob


class RunRecord(msgspec.Struct, frozen=True, kw_only=True):
    """How a run ended. `outcome`: completed, failed, timeout or cancelled; `error` is the class."""

    id: str
    type: str
    outcome: str
    duration_s: float
    result: Any = None
    error: str | None = None
    message: str | None = None
    traceback: str | None = None


def run(
    catalog: Catalog,
    job: NewJob,
    *,
    log: Callable[[str, str], None],
    enqueuer: Callable[..., Any],
    open_store: Callable[[], Store],
    env: Mapping[str, str],
    environment: Mapping[str, str],
) -> RunRecord:
    """Run one attempt in the calling thread, which has to be the main one; its time limit holds.

    `log` takes (stream, text) lines. `open_store` gives the store that actors send messages to. `env` is what the
    handler inherits, `environment` what a command finds besides.
    Raises UsageError for a job type that cannot work. Ctrl-C stops what can be stopped, and raises KeyboardInterrupt
    in a plain function.
    """
    make_importable(catalog)
    job_type = catalog.jobs[job.type]
    if catalog.worker.middleware or any(isinstance(known.handler, ActorSpec) for known in catalog.jobs.values()):
        from jobctl.engine.dramatiq.application import stand_in

        stand_in(catalog, open_store)
    handler = build(job_type, env=env, folder=Path(folder(catalog)), lifespan=catalog.worker.lifespan)
    handler.get_ready()
    using = redaction.scrubber(job.redact, job.payload)
    attempt = _first_attempt(job, job_type, log, environment, using or unchanged)
    # an isolated job's process enters it by itself, and other kinds have no code that could ask for it
    lifespan = catalog.worker.lifespan if isinstance(handler, PythonHandler) else None
    with around(lifespan, handler) as resources:
        began = clock.monotonic()
        attempt = msgspec.structs.replace(attempt, deadline=began + job_type.timeout_ms / 1000)
        result, failure = _attempt(handler, attempt, enqueuer, job_type.timeout_ms / 1000, resources)
        took = clock.monotonic() - began
    handler.close()
    return _record(attempt, job_type, (result, failure), took, using)


def _first_attempt(
    job: NewJob,
    job_type: JobType,
    log: Callable[[str, str], None],
    environment: Mapping[str, str],
    scrub: Callable[..., str],
) -> Attempt:
    def told(stream: str, line: str) -> float:
        log(stream, scrub(line))
        return 0.0

    return Attempt(
        job_id=job.id,
        type=job.type,
        queue=job.queue,
        number=1,
        payload=job.payload,
        deadline=clock.monotonic() + job_type.timeout_ms / 1000,
        cancel=CancelToken(),
        log=told,
        label=job.label,
        environment=environment,
        token=RUN_TOKEN,
        progress=lambda done, total, message: log("log", scrub(text.progress(done, total, message))),
        scrub=scrub,
    )


def _attempt(
    handler: Handler, attempt: Attempt, enqueuer: Callable[..., Any], timeout_s: float, resources: Any
) -> tuple[Any, BaseException | None]:
    limit = _cancel_on_interrupt(attempt) if handler.enforces_deadline else _alarm(timeout_s)
    try:
        with limit, activate(lambda: attempt.current(enqueuer, resources=resources)):
            return handler(attempt), None
    except KeyboardInterrupt:
        raise
    except BaseException as failure:  # noqa: BLE001 - whatever user code raises is how the run ended
        return None, failure


@contextmanager
def _alarm(timeout_s: float) -> Iterator[None]:
    """Raise AttemptTimeout in the main thread at the limit; unlike a worker's, it also ends a blocking call."""

    def ring(_number: int, _frame: Any) -> None:
        raise AttemptTimeout(f"ran longer than {timeout_s:g} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, max(timeout_s, 0.001))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def _cancel_on_interrupt(attempt: Attempt) -> Iterator[None]:
    """The first Ctrl-C asks the attempt to stop, the second ends it. In a thread, since cancelling takes locks."""

    def stop(_number: int, _frame: Any) -> None:
        signal.signal(signal.SIGINT, before)
        threading.Thread(target=attempt.cancel.cancel, args=("cancelled",), daemon=True).start()

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _record(
    attempt: Attempt,
    job_type: JobType,
    end: tuple[Any, BaseException | None],
    duration_s: float,
    using: scrubbing.Scrubber | None,
) -> RunRecord:
    result, failure = end
    what = None if failure is None else _what(failure, job_type, using)
    data = encode_result(result, using)
    return RunRecord(
        id=attempt.job_id,
        type=job_type.name,
        outcome=_outcome(failure),
        duration_s=round(duration_s, 6),
        result=msgspec.json.decode(data) if data else None,
        error=what.error if what else None,
        message=what.message if what else None,
        traceback=what.traceback if what else None,
    )


def _what(failure: BaseException, job_type: JobType, using: scrubbing.Scrubber | None) -> Failure:
    if isinstance(failure, AttemptTimeout):
        return Failure(
            "Timeout", f"ran longer than {job_type.timeout_ms / 1000:g} s", describe(failure, using).traceback
        )
    if isinstance(failure, AttemptCancelled):
        return Failure("Cancelled", "interrupted")
    return describe(failure, using)


def _outcome(failure: BaseException | None) -> str:
    if failure is None:
        return "completed"
    if isinstance(failure, AttemptCancelled):
        return "cancelled"
    timed_out = isinstance(failure, AttemptTimeout) or (
        isinstance(failure, HandlerFailure) and "timeout" in failure.match
    )
    return "timeout" if timed_out else "failed"
