"""`--by`: jobs counted by what they have, instead of listed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from jobctl import clock
from jobctl.errors import Refused, UsageError
from jobctl.ops.filters.filter import Filter
from jobctl.ops.filters.match import UNREAD, Subject
from jobctl.ops.filters.subjects import batches, of_job
from jobctl.ops.glance import ENOUGH
from jobctl.redaction import is_hidden
from jobctl.store.data.indexed import ABSENT, as_text, dig
from jobctl.store.nouns.shown import to_job

if TYPE_CHECKING:
    from jobctl.store import Store
    from jobctl.store.data.found import Found
    from jobctl.store.data.records import DeadGroup

MOST = 10_000
"""Different values that are told apart; memory must not grow with the jobs."""
MAX_VALUE = 200
"""Characters of a value that are kept."""
OF_GROUPS = ("type", "queue", "group", "error")
"""What error groups alone tell."""
_HOUR_MS = 3_600_000
_WHATS = ("type", "queue", "state", "group", "error", "host", "hour")
WHATS = f"{', '.join(_WHATS)} or args.KEY"


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """How many jobs have a value; None of those that have none."""

    by: str
    value: str | None
    count: int


@dataclass(slots=True)
class Counted:
    """Counts under way. `more` is how many jobs have values beyond the first MOST different ones."""

    by: str
    counts: Counter[str | None] = field(default_factory=Counter)
    more: int = 0

    def add(self, value: str | None, count: int = 1) -> None:
        if value is not None:
            value = value[:MAX_VALUE]
        if value not in self.counts and len(self.counts) >= MOST:
            self.more += count
        else:
            self.counts[value] += count

    @property
    def rows(self) -> list[Count]:
        """The largest first; hours in their order."""
        rows = [Count(by=self.by, value=value, count=count) for value, count in self.counts.items()]
        if self.by == "hour":
            return sorted(rows, key=lambda row: row.value or "")
        return sorted(rows, key=lambda row: (-row.count, row.value or ""))


def check(by: str) -> None:
    """Raise UsageError for what jobs cannot be counted by."""
    if by not in _WHATS and (not by.startswith("args.") or by == "args."):
        raise UsageError(f"jobs cannot be counted by {by[:100]!r}", f"write --by {WHATS}")


def count_groups(rows: Iterable[DeadGroup], by: str) -> Counted:
    """Dead letters by what their groups tell (OF_GROUPS)."""
    counted = Counted(by)
    for row in rows:
        counted.add(getattr(row, by), row.count)
    return counted


def count_jobs(store: Store, jobs: Iterable[Found], counted: Counted) -> None:
    """Add jobs to counts as they come. Raises Refused for a key of payloads that one of them hides, whoever asks:
    counts would tell its values."""
    value = reader(counted.by)
    for batch in batches(jobs):
        for found in _looked(store, batch, counted.by):
            counted.add(value(of_job(found, to_job(found))))


BY_LOOK = ("type", "queue", "state")
"""What a look at a job tells, beside values of its payload."""


def by_look(wanted: Filter, by: str) -> bool:
    """Whether looks (see `glance`) are enough to count what matches."""
    return wanted.keys <= ENOUGH and wanted.ids is None and (by.startswith("args.") or by in BY_LOOK)


def _looked(store: Store, batch: list[Found], by: str) -> list[Found]:
    """The jobs with their attempts, where these have to be read."""
    if by != "host":
        return batch
    late = [job for job in batch if of_job(job, to_job(job)).host is UNREAD]
    known = {job.id: job for job in store.jobs.details(late[0].queue, late)} if late else {}
    return [known.get(job.id, job) for job in batch]


def reader(by: str) -> Callable[[Subject], str | None]:
    """What tells the value by which a job is counted."""
    if by.startswith("args."):
        return partial(_of_payload, by.removeprefix("args."))
    if by == "hour":
        return _hour
    return lambda subject: None if (value := getattr(subject, by)) is UNREAD else value


def _of_payload(path: str, subject: Subject) -> str | None:
    value = dig(subject.payload, path)
    if is_hidden(value):
        where = f"job type {subject.type}"
        raise Refused(f"args.{path} is redacted ({where}): its values cannot be counted", "narrow the filter with job:")
    return None if value is ABSENT or isinstance(value, list | dict) else as_text(value)


def _hour(subject: Subject) -> str | None:
    return None if subject.at_ms is None else clock.iso(subject.at_ms // _HOUR_MS * _HOUR_MS)
