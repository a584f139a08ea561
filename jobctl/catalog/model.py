"""The catalog as frozen values. Durations are integer milliseconds (`*_ms`).

msgspec's structs rather than dataclasses: these are defined in a tenth of the time, at every start of the program, and
are read from JSON as they are (`compiled.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from jobctl.catalog.kinds import HandlerSpec

DEFAULT_QUEUE = "default"
DEFAULT_NAMESPACE = "jobctl"
PRIORITIES: Mapping[str, int] = {"high": -10, "normal": 0, "low": 10}
MAX_PRIORITY = 1000
"""Priorities run from -1000 (first) to 1000 (last)."""


class RetryPolicy(msgspec.Struct, frozen=True):
    """When and how often a failed attempt is repeated. `max` counts retries: 3 means at most four runs.

    `delays_ms`, when given, wins over `backoff`; a list shorter than `max` repeats its last.
    `on` / `never_on` hold class names (bare or dotted), `exit:N`, `http:N`, `http:5xx` or `timeout`.
    """

    max: int = 3
    backoff: str = "exponential"  # exponential | linear | fixed
    delay_ms: int = 5_000
    max_delay_ms: int = 600_000
    jitter: bool = True
    delays_ms: tuple[int, ...] = ()
    on: tuple[str, ...] = ()
    never_on: tuple[str, ...] = ()


class Keep(msgspec.Struct, frozen=True):
    """How long, and how many, finished jobs of a queue are kept with their result, and dead letters; None is for ever,
    or all of them."""

    completed_ms: int = 86_400_000
    count: int = 100_000
    dead_ms: int | None = None
    dead_count: int | None = None


class RateLimit(msgspec.Struct, frozen=True):
    """At most `count` starts in every `per_ms`, for each value of the template `key` if there is one.

    `window`: smooth (evenly spread, `burst` of them at once), fixed (periods aligned to the epoch) or sliding (any
    stretch of `per_ms`).
    """

    count: int
    per_ms: int
    key: str | None = None
    burst: int = 1
    window: str = "smooth"


class Concurrency(msgspec.Struct, frozen=True):
    """At most `max` run at once, for each value of the template `key` if there is one."""

    max: int
    key: str | None = None


class Uniqueness(msgspec.Struct, frozen=True):
    """Jobs of a type whose template `key` gives the same text are the same.

    The key is held for `for_ms` from enqueue, or, if that is None, `until` the job is started or finished.
    """

    key: str
    for_ms: int | None = None
    until: str = "finished"  # started | finished
    on_conflict: str = "skip"  # skip | fail | replace | extend
    hold_when_dead: bool = False

    @property
    def delay_ms(self) -> int:
        """How long a job is held back so that others can take its place: debounce and throttle."""
        return (self.for_ms or 0) if self.on_conflict in ("replace", "extend") else 0


class Hook(msgspec.Struct, frozen=True):
    """The job type to enqueue when a job has ended, and its payload with templates; None: what is known of the job."""

    job: str
    payload: Mapping[str, Any] | None = None


class JobType(msgspec.Struct, frozen=True):
    """An entry under `jobs:`, with the catalog's defaults already applied.

    `isolate`: attempts run in a process of their own, which may hold `memory_bytes` (None: any number) of data.
    """

    name: str
    handler: HandlerSpec
    queue: str = DEFAULT_QUEUE
    payload_schema: Mapping[str, Any] | None = None
    retries: RetryPolicy = RetryPolicy()
    timeout_ms: int = 300_000
    priority: int = 0
    label: str | None = None
    rate_limit: RateLimit | None = None
    concurrency: Concurrency | None = None
    unique: Uniqueness | None = None
    expires_ms: int | None = None
    isolate: bool = False
    memory_bytes: int | None = None
    redact: tuple[str, ...] = ()
    """Patterns over payload keys whose values are never shown: see jobctl/redaction.py."""
    index: tuple[str, ...] = ()
    """Payload keys, joined by dots, by whose values jobs are found; not those of `index_hidden`."""
    index_hidden: tuple[str, ...] = ()
    """Those of which `redact` hides the value: kept under a secret key that is not in Redis."""
    hooks: Mapping[str, Hook] = {}
    """By how a job ended: dead, cancelled, completed."""
    critical: bool = False
    """A second run must do no harm; `doctor --checklist` asks how that is."""
    idempotent: bool = False
    """It is so by the job's own code."""


class Queue(msgspec.Struct, frozen=True):
    """An entry under `queues:`, or one that is only named by a job type."""

    name: str
    keep: Keep = Keep()
    rate_limit: RateLimit | None = None
    concurrency: Concurrency | None = None


DAY_MS = 86_400_000


class Period(msgspec.Struct, frozen=True):
    """When a schedule is due instead of its own times, from one moment on and before another (epoch ms; 0 for without
    end). Exactly one of `cron` and `every_ms` is set; without `timezone`, the schedule's holds."""

    from_ms: int
    until_ms: int = 0
    cron: str | None = None
    every_ms: int | None = None
    timezone: str | None = None


class Schedule(msgspec.Struct, frozen=True):
    """An entry under `schedules:`. Exactly one of `cron`, `every_ms` and `at_ms` is set. Instants are epoch ms."""

    name: str
    job: str
    cron: str | None = None
    every_ms: int | None = None
    anchor_ms: int = 0
    """A tick of `every_ms`, from which the others are counted, in both directions."""
    at_ms: tuple[int, ...] = ()
    """In order."""
    timezone: str = "UTC"
    jitter_ms: int = 0
    start_ms: int | None = None
    end_ms: int | None = None
    """The last instant at which a tick may be."""
    exclude: tuple[str, ...] = ()
    """Dates (`2026-12-25`) in `timezone` on which there are no ticks."""
    payload: Mapping[str, Any] = {}
    """Its strings may be templates, which see `tick` and `previous_tick`."""
    catch_up: str = "none"
    """Which missed ticks are made up for: none, latest, all."""
    window_ms: int = DAY_MS
    """How old a missed tick may be to be made up for."""
    overlap: str = "allow"
    """What to do with a tick while the job of an earlier one has not ended: allow, skip, queue, cancel-running."""
    pause_on_failure: int = 0
    """After how many dead jobs in a row the schedule is paused; 0 for never."""
    heartbeat: str | None = None
    """A URL that is requested for each job that completed."""
    tolerance_ms: int = 60_000
    """A tick that is later than this is late."""
    was: str | None = None
    """What the schedule was called before."""
    by_hand: tuple[Period, ...] = ()
    """Times that were set by hand, in order, none overlapping another. A catalog has none."""


class Alert(msgspec.Struct, frozen=True):
    """An entry under `alerts:`. It holds while `measure` is above `limit` (of `workers`: below it), in `unit`: s, %, B,
    or empty for a number. Exactly one of `handler` (a command or a request) and `job` says who is told."""

    name: str
    when: str
    """The condition as it is written."""
    measure: str
    limit: float
    unit: str = ""
    filter: str = ""
    for_ms: int = 0
    repeat_ms: int = 0
    """0: never."""
    window_ms: int = 300_000
    handler: HandlerSpec | None = None
    job: str | None = None
    payload: Mapping[str, Any] | None = None
    """None: the notice itself."""


class MiddlewareSpec(msgspec.Struct, frozen=True):
    """An entry of `worker.middleware`: a Dramatiq middleware, or what makes one when it is called with `options`."""

    target: str
    options: Mapping[str, Any] | None = None
    """None: none were given, so that `target` may be a middleware that is made already."""


class WorkerSettings(msgspec.Struct, frozen=True):
    """What is under `worker:`."""

    middleware: tuple[MiddlewareSpec, ...] = ()
    lifespan: str | None = None
    """The target of a context manager around the jobs of each process."""
    max_block_ms: int = 10_000
    """How long an async job may block the event loop."""


class Catalog(msgspec.Struct, frozen=True):
    """A whole catalog: the allow-list of what may run."""

    namespace: str = DEFAULT_NAMESPACE
    path: str | None = None
    queues: Mapping[str, Queue] = {}
    jobs: Mapping[str, JobType] = {}
    schedules: Mapping[str, Schedule] = {}
    alerts: Mapping[str, Alert] = {}
    traces: bool = False
    """OpenTelemetry traces jobs."""
    max_payload_bytes: int = 262_144
    unknown_after_ms: int = 900_000
    default_keep: Keep = Keep()
    worker: WorkerSettings = WorkerSettings()
    files: Mapping[str, str] = {}
    """Other files that were read for it, with the SHA-256 of what they held."""
    positions: Mapping[str, tuple[int, int]] = {}
    """Line and column of every value of the file, by its dotted path (`jobs.send-email.python`)."""

    def queue(self, name: str) -> Queue:
        """The queue's settings; a queue that the catalog does not name has the defaults."""
        return self.queues.get(name) or Queue(name, self.default_keep)

    def type_of(self, name: str) -> JobType | None:
        """The job type that messages of that name are of: its own name, or that of its Dramatiq actor."""
        found = self.jobs.get(name)
        return found or next((job for job in self.jobs.values() if job.handler.message_name == name), None)

    def redacted(self, job_type: str) -> tuple[str, ...]:
        """The `redact` patterns of a job type; none of one that the catalog does not know."""
        known = self.type_of(job_type)
        return known.redact if known else ()
