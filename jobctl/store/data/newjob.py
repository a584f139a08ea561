"""A job that is to be enqueued, and what became of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

import msgspec
from msgspec.structs import replace

from jobctl import clock, redaction
from jobctl.errors import Conflict, Refused
from jobctl.store.data import codec, ids
from jobctl.store.data.indexed import Entries, hidden_entries
from jobctl.store.data.records import Event, Job


class Unique(msgspec.Struct, frozen=True):
    """A key that at most one job holds. `name` is "TYPE|KEY"; `mode` says until when it is held.

    "for": `ms` from enqueue; "started", "finished": until then. `on_conflict`: skip, fail, replace or extend.
    """

    name: str
    mode: str
    ms: int = 0
    on_conflict: str = "skip"
    hold_when_dead: bool = False


_MODES = {"for": "w", "started": "s", "finished": "f"}


class Claim(msgspec.Struct, frozen=True, omit_defaults=True, rename={
    "name": "n", "mode": "m", "window_ms": "t", "on_conflict": "c", "hold_when_dead": "h", "replaced": "r",
    "event": "e",
}):  # fmt: skip
    """A unique key as _enqueue.lua reads it. `replaced` is the record of a job that gives way, `event` what is told of
    it; its id is left empty."""

    name: str
    mode: str
    window_ms: int
    on_conflict: str
    hold_when_dead: str
    replaced: str = ""
    event: str = ""


class Extra(msgspec.Struct, frozen=True, omit_defaults=True, rename={
    "lane": "l", "expires_ms": "x", "unique": "u", "named": "k", "index": "i",
}):  # fmt: skip
    """What is stored beside a job, as _enqueue.lua reads it."""

    lane: str = ""
    expires_ms: int | None = None
    unique: Claim | None = None
    named: bool = False
    index: Entries = ()


def _claim(unique: Unique, job: NewJob) -> Claim:
    record = event = ""
    if unique.on_conflict in ("replace", "extend"):
        why = codec.Record(error="Replaced", message=f"replaced by job {job.id}")
        record = codec.encode(why).decode()
        at = clock.to_datetime(clock.now_ms())
        told = Event(
            at=at, event="cancelled", id="", type=job.type, queue=job.queue, error=why.error, message=why.message
        )
        event = codec.encode(told).decode()
    hold = "1" if unique.hold_when_dead else "0"
    return Claim(unique.name, _MODES[unique.mode], unique.ms, unique.on_conflict, hold, record, event)


class NewJob(msgspec.Struct, frozen=True, kw_only=True):
    """A job to be enqueued. `delay_ms` counts on Redis's clock from when it gets there; `at_ms` is epoch ms.

    `encoded` is the payload as JSON, where the caller has it already: it is then not encoded again; `message` is the
    whole body, of a caller that has even that. `lane` names the limits that hold for it; `expires_ms` counts from
    enqueue, on Redis's clock. `redact` holds the patterns of what is hidden of the payload wherever it is shown.
    `named`: the producer chose the id, which is remembered for longer. `index` are its entries in indexes;
    `index_hidden` are the payload's keys of those whose values are hidden.
    """

    id: str
    type: str
    queue: str
    payload: Mapping[str, Any]
    delay_ms: int | None = None
    at_ms: int | None = None
    priority: int = 0
    label: str | None = None
    parent: str | None = None
    encoded: bytes | None = None
    message: bytes | None = None
    lane: str = ""
    unique: Unique | None = None
    expires_ms: int | None = None
    redact: redaction.Patterns = ()
    named: bool = False
    index: Entries = ()
    index_hidden: tuple[str, ...] = ()
    trace: Mapping[str, str] | None = None

    def extra(self, secret: bytes = b"") -> bytes:
        """What is stored beside the job, as _enqueue.lua reads it. `secret` is the key for values that are hidden."""
        if self.index_hidden:
            index = self.index + hidden_entries(self.type, self.index_hidden, self.payload, secret)
            return replace(self, index=index, index_hidden=()).extra()
        if not (self.lane or self.named or self.index) and self.unique is None and self.expires_ms is None:
            return b""
        unique = None if self.unique is None else _claim(self.unique, self)
        return codec.encode(Extra(self.lane, self.expires_ms, unique, self.named, self.index))

    def due(self) -> str:
        """As enqueue.lua reads it."""
        if self.delay_ms is not None and self.delay_ms > 0:
            return f"+{self.delay_ms}"
        return str(self.at_ms) if self.at_ms else "0"

    def body(self, now_ms: int) -> bytes:
        """As it is stored."""
        if self.message is not None:
            return self.message
        options: dict[str, Any] = {}
        if self.label is not None:
            options["label"] = self.label
        if self.parent is not None:
            options["parent"] = self.parent
        if self.delay_ms or self.at_ms:
            options["eta"] = now_ms + self.delay_ms if self.delay_ms else self.at_ms
        if self.trace:
            options.update(self.trace)
        if self.redact:
            options[redaction.OPTION] = list(self.redact)
        payload = dict(self.payload) if self.encoded is None else msgspec.Raw(self.encoded)
        return codec.new_body(self.id, self.type, self.queue, payload, now_ms, options)


class Enqueued(msgspec.Struct, frozen=True, gc=False):
    """What became of a job that was enqueued. `other` is the job that holds its unique key, or that it replaced.

    `outcome`: enqueued; known (its id exists already, nothing was changed); skipped, conflict (another job holds its
    key, nothing was changed); replaced (enqueued, and `other`, which had not started, is cancelled).
    """

    job: NewJob
    outcome: str = "enqueued"
    other: str = ""

    @property
    def id(self) -> str:
        """The job that does the work: this one or, if it was skipped, the one that holds its key."""
        return self.other if self.outcome == "skipped" else self.job.id

    @property
    def fresh(self) -> bool:
        """Whether the job exists now because of this."""
        return self.outcome in ("enqueued", "replaced")

    def require(self) -> Self:
        """Itself. Raises Conflict for a job that was refused because another one holds its unique key."""
        if self.outcome == "conflict":
            raise conflict(self)
        return self


def conflict(done: Enqueued) -> Conflict:
    """The error of a job that was refused."""
    return Conflict(
        f"not enqueued: {key_words(done.job)} is held by job {done.other}",
        f"jobctl job show {done.other}; jobctl job release {done.other} frees the key",
        done.other,
    )


def key_words(job: NewJob) -> str:
    """A job's unique key, in words."""
    key = "" if job.unique is None else job.unique.name.partition("|")[2]
    return f"the unique key {key!r} of `{job.type}`"


class Closed(Refused):
    """A pause keeps producers out. `done` says of each job of the call what became of it, None if it was not added."""

    def __init__(self, message: str, hint: str = "", done: Sequence[Enqueued | None] = ()) -> None:
        super().__init__(message, hint)
        self.done = done


def said(reply: Sequence[Any]) -> Iterator[tuple[int, str, str]]:
    """Of the jobs that were not simply enqueued, as enqueue.lua said: place, outcome, other job. Raises Closed."""
    if reply[0] < 0:
        scope = ids.read(reply[1])
        raise Closed(f"{closed_name(scope)} is paused and takes no new jobs", "`jobctl queue ls` shows until when")
    for at in range(1, len(reply), 3):
        yield int(reply[at]), ids.read(reply[at + 1]), ids.read(reply[at + 2])


def closed_name(scope: str) -> str:
    """A pause's scope in words."""
    if scope == "*":
        return "everything"
    return f"job type `{scope[5:]}`" if scope.startswith("type|") else f"queue `{scope}`"


def fresh(job: NewJob) -> Job:
    """The machine format of a job that has just been enqueued, without asking Redis again."""
    now = clock.now_ms()
    due = now + job.delay_ms if job.delay_ms else job.at_ms
    waits = "limited" if job.lane else "waiting"
    return Job(
        id=job.id,
        type=job.type,
        queue=job.queue,
        state="delayed" if due and due > now else waits,
        priority=job.priority,
        label=job.label,
        parent=job.parent,
        payload=redaction.shown(job.redact, job.payload),
        enqueued_at=clock.to_datetime(ids.minted_at(job.id) or now),
        due_at=clock.to_datetime(due) if due else None,
    )


def forgotten(done: Enqueued) -> Job:
    """The same of a job that holds another's key and is no longer kept: it has completed."""
    job, minted = done.job, ids.minted_at(done.id)
    enqueued = None if minted is None else clock.to_datetime(minted)
    return Job(id=done.id, type=job.type, queue=job.queue, state="completed", enqueued_at=enqueued)
