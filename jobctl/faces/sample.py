"""What a face shows of a namespace at one moment."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from jobctl.ops.schedules.look import ScheduleRow
from jobctl.store.data.records import DeadGroup, Event, LimitRow, ProcessRow, QueueRow

MINUTES = 30
"""How far back the series of a queue reach; their last minute is the one that has not ended."""


class QueueFace(QueueRow, frozen=True, kw_only=True):
    """A queue with what was counted of it in each of the last MINUTES minutes, the oldest first. `failed` are attempts,
    the others jobs. `*_per_minute` are means of the last five whole minutes."""

    enqueued: tuple[int, ...]
    completed: tuple[int, ...]
    failed: tuple[int, ...]
    enqueued_per_minute: float
    completed_per_minute: float
    failed_per_minute: float


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One look. `at` is when it was read; if Redis is `away`, that says why, and the rest is what was seen last.

    `groups` are the error groups that nobody has muted, the one that grew last first, at most GROUPS of them; `events`
    the latest, the oldest first.
    """

    at: datetime | None = None
    away: str | None = None
    queues: tuple[QueueFace, ...] = ()
    groups: tuple[DeadGroup, ...] = ()
    groups_left_out: int = 0
    processes: tuple[ProcessRow, ...] = ()
    schedules: tuple[ScheduleRow, ...] = ()
    limits: tuple[LimitRow, ...] = ()
    events: tuple[Event, ...] = ()

    @property
    def workers(self) -> list[ProcessRow]:
        return [row for row in self.processes if row.kind == "worker"]

    def count(self, state: str) -> int:
        """How many jobs of all queues are in a state, as far as queues tell it."""
        return sum(getattr(row, state) or 0 for row in self.queues)


def rate(series: Sequence[int], minutes: int = 5) -> float:
    """The mean of the last whole minutes of a series."""
    whole = series[-minutes - 1 : -1]
    return round(sum(whole) / len(whole), 1) if whole else 0.0
