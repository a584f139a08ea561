"""Whether schedules are on time: for cron, Nagios and people."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from jobctl import clock
from jobctl.catalog.units import format_duration
from jobctl.ops.schedules.known import effective, named

if TYPE_CHECKING:
    from jobctl.catalog.model import Catalog, Schedule
    from jobctl.store import Store
    from jobctl.store.nouns.schedules import Cursor


UNATTENDED = "no scheduler is alive"
"""What is wrong with a schedule that is not late yet."""


class Punctuality(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a schedule is on time. `expected_at` is the next tick: in the past, by `late_s`, if no scheduler took
    it."""

    name: str
    ok: bool
    status: str
    expected_at: datetime | None
    late_s: float


def alive(store: Store) -> int:
    """How many schedulers are alive."""
    return sum(row.kind == "scheduler" for row in store.processes.ls())


def check(store: Store, catalog: Catalog, names: Iterable[str] = ()) -> tuple[int, list[Punctuality]]:
    """How many schedulers are alive, and whether each schedule is on time, within its `tolerance`. Raises
    NothingMatched."""
    schedulers = alive(store)
    wanted = named(effective(store, catalog), names)
    cursors = store.schedules.cursors(one.name for one in wanted)
    now = store.processes.now_ms()
    return schedulers, [_judge(one, cursors[one.name], now, attended=schedulers > 0) for one in wanted]


def _judge(schedule: Schedule, cursor: Cursor, now_ms: int, *, attended: bool) -> Punctuality:
    late = 0 if cursor.next_ms is None else max(0, now_ms - cursor.next_ms)
    status, ok = "on time", True
    if cursor.next_ms is None:
        status, ok = "no scheduler has had it yet", False
    elif late > schedule.tolerance_ms:
        status, ok = f"late by {format_duration(late // 1000 * 1000)}", False
    elif not attended:
        status, ok = UNATTENDED, False
    elif cursor.pause is not None:
        status = "paused"
    expected = None if cursor.next_ms is None else clock.to_datetime(cursor.next_ms)
    return Punctuality(name=schedule.name, ok=ok, status=status, expected_at=expected, late_s=late / 1000)
