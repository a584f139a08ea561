"""What the store hands out: frozen records whose fields are the machine format that scripts may rely on."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from jobctl.store.data.blocked import BlockedLoop


class AttemptRecord(msgspec.Struct, frozen=True):
    """One run of a job. `outcome`: completed, failed, timeout, cancelled, lost. `error` is the class."""

    number: int
    outcome: str
    error: str | None
    message: str | None
    traceback: str | None
    host: str
    pid: int
    started_at: datetime
    duration_s: float


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a running job says that it is. `eta_s`: the seconds from `at` until it is done, at its rate so far."""

    done: int | float
    total: int | float | None
    message: str | None
    at: datetime
    eta_s: float | None


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that keeps a job from starting. `kind`: pause, rate, concurrency, turn (it may start, and waits for a
    free worker), worker (nobody serves its queue).

    `name`: everything, `queue:NAME` or `type:NAME` of a pause; else that of the limit, of which it has the `key`.
    `until` is when it ends, or when its turn may come at the earliest; None if that is not known.
    """

    kind: str
    name: str
    key: str | None = None
    allows: str | None = None
    ahead: int | None = None
    until: datetime | None = None
    reason: str | None = None
    by: str | None = None


class Touch(msgspec.Struct, frozen=True, kw_only=True):
    """One change of a job by hand, from the audit log."""

    at: datetime
    who: str
    action: str
    reason: str | None


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A job in any state. `payload` is the JSON object it was enqueued with. Lists read no `attempts`; only `job show`
    asks for `held`, `touched`, `overdue_since` and `blocks`."""

    id: str
    type: str
    queue: str
    state: str
    priority: int = 0
    label: str | None = None
    parent: str | None = None
    payload: Any = None
    enqueued_at: datetime | None = None
    due_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    max_retries: int | None = None
    attempt_count: int = 0
    attempts: tuple[AttemptRecord, ...] = ()
    progress: Progress | None = None
    result: Any = None
    error: str | None = None
    message: str | None = None
    held: tuple[Hold, ...] = ()
    touched: tuple[Touch, ...] = ()
    overdue_since: datetime | None = None
    blocks: BlockedLoop | None = None


class EnqueuedJob(Job, frozen=True, kw_only=True):
    """What `enqueue` answers: the job, or the one that holds its unique key, and what became of it.

    `outcome`: enqueued, known (the id was there already), skipped (job `holder` holds the key) or replaced (in place of
    job `replaced`).
    """

    outcome: str
    holder: str | None = None
    replaced: str | None = None


class QueueRow(msgspec.Struct, frozen=True, kw_only=True):
    """A queue's depth. None where a stock deployment cannot tell."""

    queue: str
    waiting: int
    delayed: int | None
    retrying: int | None
    limited: int | None
    running: int | None
    dead: int | None
    oldest_waiting_s: float | None
    workers: int | None
    paused: bool
    paused_types: tuple[str, ...] = ()


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A job out of attempts. `group` is the fingerprint shared by dead letters with the same error."""

    id: str
    type: str
    queue: str
    label: str | None
    died_at: datetime
    attempt_count: int
    attempts: tuple[AttemptRecord, ...]
    error: str | None
    message: str | None
    group: str
    payload: Any


class DeadGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Dead letters with the same error fingerprint; `message` is one example."""

    group: str
    queue: str
    type: str
    error: str | None
    message: str | None
    count: int
    first_died_at: datetime | None
    last_died_at: datetime | None


class BulkResult(msgspec.Struct, frozen=True):
    """What a bulk change did, or (as a plan) would do."""

    matched: int
    changed: int
    skipped: int
    failed: int


class PauseRow(msgspec.Struct, frozen=True, kw_only=True):
    """Whether jobs are handed out: of a `queue`, of a job `type`, or (both None) of everything.

    `until` is None for until resumed. `changed`: after a pause or resume, false if it already was so.
    """

    queue: str | None
    type: str | None
    paused: bool
    until: datetime | None
    reason: str | None
    by: str | None
    blocks_producers: bool
    changed: bool


class QueueDetail(QueueRow, frozen=True, kw_only=True):
    """A queue in full. `*_last_minute` are counts; `dropped` is how many dead letters `keep` has ever
    dropped; `served_by` names the live workers that take its jobs."""

    pause_reason: str | None
    pause_until: datetime | None
    paused_by: str | None
    completed_last_minute: int
    died_last_minute: int
    oldest_waiting: str | None
    job_types: tuple[str, ...]
    groups: tuple[DeadGroup, ...]
    dropped: int
    last_dropped_at: datetime | None
    served_by: tuple[str, ...]
    pauses: tuple[PauseRow, ...]


class LimitKeyRow(msgspec.Struct, frozen=True, kw_only=True):
    """One key of a limit that jobs wait for. `next_at` is when the next may start, None for now."""

    key: str
    waiting: int
    used: int
    next_at: datetime | None


class LimitRow(msgspec.Struct, frozen=True, kw_only=True):
    """A limit: of a job `type`, or of the queue. `kind` is rate or concurrency, and the fields of the other are None.

    `key` is the template of its keys. `used` and `next_at` are of a limit without keys: starts in the present period,
    or jobs that run. `set_by` is who set it by hand (None: it is the catalog's), `set_until` None for until reset.
    """

    name: str
    queue: str
    type: str | None
    kind: str
    rate: str | None
    burst: int | None
    window: str | None
    concurrency: int | None
    key: str | None
    used: int | None
    waiting: int
    next_at: datetime | None
    keys: int
    worst: tuple[LimitKeyRow, ...]
    catalog: str | None
    set_by: str | None
    set_until: datetime | None


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened to a job, as `tail` shows it. `event`: started, completed, retrying, limited, dead,
    cancelled, lost, blocked, dropped. `at` is RFC 3339 UTC."""

    at: datetime
    event: str
    id: str
    type: str
    queue: str
    label: str | None = None
    attempt: int = 0
    error: str | None = None
    message: str | None = None
    duration_s: float | None = None
    host: str | None = None
    pid: int | None = None


class Told(Event, frozen=True, kw_only=True):
    """An event as it is written for every job: `at` is text already, which costs less than a datetime."""

    at: str  # type: ignore[assignment]  # read again, it is a datetime


class ProcessRow(msgspec.Struct, frozen=True, kw_only=True):
    """A live supervisor (worker) or scheduler. `beat_s`: the age of its last heartbeat, in seconds. `threads` and
    `async_jobs` are slots a process; of the `running` jobs, `on_loop` are in loop slots. `state`: running, quiet (takes
    no more jobs), stopping. `hanging` counts slots whose job continues past its time limit, the first since
    `hanging_since`; `hanging_jobs` are ids of some of these jobs."""

    name: str
    kind: str
    host: str
    pid: int
    queues: tuple[str, ...]
    processes: int
    threads: int
    running: int
    memory_mb: float
    started_at: datetime
    beat_s: float
    state: str = "running"
    async_jobs: int = 0
    on_loop: int = 0
    blocked: tuple[BlockedLoop, ...] = ()
    loop_lag_s: float = 0.0
    hanging: int = 0
    hanging_since: datetime | None = None
    hanging_jobs: tuple[str, ...] = ()
