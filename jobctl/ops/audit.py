"""Who changed what: the audit log, read."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from msgspec.structs import replace

from jobctl import clock
from jobctl.ops.filters.filter import Filter
from jobctl.ops.filters.match import Subject
from jobctl.ops.filters.pattern import glob
from jobctl.store.data.ids import JobRef
from jobctl.store.data.records import Job, Touch
from jobctl.store.nouns.audit import name_of

if TYPE_CHECKING:
    from jobctl.store import Store
    from jobctl.store.nouns.audit import AuditEntry

KEYS = ("since", "until", "queue", "id")
"""What of a filter can be asked for."""
LOOKED_AT = 1_000
"""Latest changes among which `job show` looks for those of its job."""


@dataclass(frozen=True, slots=True)
class Watch:
    """Which changes to show. `who` and `action` may have `*`."""

    wanted: Filter
    who: str = "*"
    action: str = "*"

    def shows(self, entry: AuditEntry) -> bool:
        named = glob(self.who, entry.who) and glob(self.action, entry.action)
        return named and self.wanted.matches(_subject(entry))


def _subject(entry: AuditEntry) -> Subject:
    """A change, as a filter looks at it. It has a queue if all that it names are of one."""
    queues = {job.partition(" ")[0] for job in entry.jobs}
    if entry.target.startswith("queue:"):
        queues.add(entry.target.removeprefix("queue:"))
    return Subject(
        at_ms=clock.to_ms(entry.at),
        ids=tuple(job.partition(" ")[2] for job in entry.jobs),
        queue=queues.pop() if len(queues) == 1 else None,
    )


def recent(store: Store, watch: Watch, count: int) -> tuple[list[AuditEntry], str]:
    """The latest `count` changes that match, oldest first, and the position after the latest."""
    found: deque[AuditEntry] = deque()
    position: str | None = None
    for page, latest in store.audit.back():
        position = position or latest
        for entry in page:
            if len(found) == count:
                break
            if watch.shows(entry):
                found.appendleft(entry)
        if len(found) >= count:
            break
    return list(found), position or "0-0"


def follow(store: Store, watch: Watch, position: str) -> Iterator[AuditEntry]:
    """Changes after a position as they are made, without end."""
    while True:
        entries, position = store.audit.after(position)
        yield from (entry for entry in entries if watch.shows(entry))


def touched(store: Store, job: Job) -> Job:
    """The job, with who changed it by hand."""
    return replace(job, touched=_touches(store, job.queue, job.id, job.enqueued_at))


def _touches(store: Store, queue: str, job_id: str, enqueued_at: datetime | None) -> tuple[Touch, ...]:
    """Who changed a job, oldest first, as far as the LOOKED_AT latest changes tell it."""
    name, looked, found = name_of(JobRef(queue, job_id)), 0, deque[Touch]()
    for page, _ in store.audit.back():
        for entry in page:
            if enqueued_at is not None and entry.at < enqueued_at:
                return tuple(found)
            if name in entry.jobs:
                found.appendleft(Touch(at=entry.at, who=entry.who, action=entry.action, reason=entry.reason or None))
        looked += len(page)
        if looked >= LOOKED_AT:
            break
    return tuple(found)
