"""What `jobctl.current()` returns: the job that the calling code runs for.

It is a context variable: visible in the thread that runs the attempt and in every coroutine and task below
it, not in threads that the job starts by itself (unless they are started with a copied context).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar, Token
from typing import Any

import msgspec

from jobctl.catalog.units import duration_ms, format_duration
from jobctl.errors import JobctlError

MAX_COUNT = 2**53
"""Beyond it, numbers in JSON are not exact."""


class JobInfo(msgspec.Struct, frozen=True, eq=False):
    """What `jobctl.current().job` is."""

    id: str
    type: str
    queue: str
    payload: Mapping[str, Any]
    label: str | None


class RateLimited(JobctlError):
    """Raise it in a job that must run later: the attempt does not count, and every job of the same rate
    limit waits until then; without a rate limit only the job itself does.

    `after` is seconds or a duration such as "30s"; `after_ms` holds it. Raises ValueError for anything else.
    """

    def __init__(self, after: float | str) -> None:
        self.after_ms = duration_ms(after)
        super().__init__(f"asked to retry after {format_duration(self.after_ms)}")


SideEffect = Callable[[str, str, str, int], tuple[str, str, str]]
"""What `jobctl.once` asks of Redis: (step, key, value, keep_ms) → (state, by, value), as store.once has them."""


def unrecorded(_step: str, _key: str, _value: str, _keep_ms: int) -> tuple[str, str, str]:
    """Where there is no Redis (`jobctl run`), every side effect is to be done."""
    return "mine", "", ""


class Current(msgspec.Struct, frozen=True, eq=False):
    """The running job. `attempt` counts from 1.

    The engine injects `enqueuer`, called as `enqueuer(type, payload, parent=id, **options)`, `stopping`,
    which tells whether the attempt was asked to stop, `logger`, which takes one text, `progresser`, which takes (done,
    total or None, message or None), `scrub`, which takes the payload's redacted values out of a text, and `side_effect`
    for `jobctl.once`.
    """

    id: str
    type: str
    queue: str
    attempt: int
    payload: Mapping[str, Any]
    label: str | None
    enqueuer: Callable[..., Any]
    stopping: Callable[[], bool]
    logger: Callable[[str], None]
    progresser: Callable[[float, float | None, str | None], None]
    scrub: Callable[..., str]
    side_effect: SideEffect = unrecorded
    resources: Any = None
    """What the catalog's `worker.lifespan` has yielded."""

    @property
    def job(self) -> JobInfo:
        """The job apart from this attempt of it."""
        return JobInfo(self.id, self.type, self.queue, self.payload, self.label)

    @property
    def cancelled(self) -> bool:
        """Whether this attempt was asked to stop. A long job should check it now and then, to end cleanly."""
        return self.stopping()

    def enqueue(
        self,
        type: str,  # noqa: A002 - named as in the client's `enqueue`
        payload: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> Any:
        """Enqueue a child of this job; `options` and result are those of the client's `enqueue`."""
        return self.enqueuer(type, {} if payload is None else payload, parent=self.id, **options)

    async def aenqueue(
        self,
        type: str,  # noqa: A002 - as in `enqueue`
        payload: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> Any:
        """As `enqueue`, for async jobs: a thread asks Redis, and the event loop turns meanwhile. If the job is
        cancelled while it waits here, the child may have been enqueued all the same."""
        import asyncio

        return await asyncio.to_thread(self.enqueue, type, payload, **options)

    def log(self, text: str) -> None:
        """Add a line to what `jobctl job logs` shows of this job."""
        self.logger(str(text))

    def progress(self, done: float, total: float | None = None, message: str | None = None) -> None:
        """Report this attempt's progress, as often as you like: it is written at most four times a second.

        `total` is what `done` grows to, None (or 0) if that is not known. Raises ValueError for what is no number from
        0 on.
        """
        self.progresser(count(done), count(total) if total else None, None if message is None else str(message))


def count(value: float) -> float:
    """A number for `progress`: finite and from 0 on. Raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MAX_COUNT:
        raise ValueError(f"progress must be a number, 0 or more, not {value!r:.60}")
    return value


class activate:  # noqa: N801 - reads as the verb that it is: `with activate(make):`
    """Make a job the current one inside the block; the one before is back afterwards. `make` is called when somebody
    first asks for the job: few do."""

    __slots__ = ("_before", "_job", "_make")

    def __init__(self, make: Callable[[], Current]) -> None:
        self._make = make
        self._job: Current | None = None
        self._before: Token[activate | None] | None = None

    @property
    def job(self) -> Current:
        """The job; the same object each time."""
        if self._job is None:
            self._job = self._make()
        return self._job

    def __enter__(self) -> None:
        self._before = _current.set(self)

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            _current.reset(self._before)


_current: ContextVar[activate | None] = ContextVar("jobctl_current", default=None)


def current() -> Current:
    """The job that is running here. Raises JobctlError outside a job."""
    active = _current.get()
    if active is None:
        raise JobctlError(
            "no job is running here",
            "jobctl.current() works in code that a worker or `jobctl run` has called",
        )
    return active.job


def running() -> Current | None:
    """The job that is running here, if any."""
    active = _current.get()
    return None if active is None else active.job
