"""The coming hours or days of all schedules: when each is due, how long its jobs usually take, where they pile up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from statistics import median
from typing import TYPE_CHECKING

import msgspec

from jobctl import clock
from jobctl.catalog.ticks import ticks

if TYPE_CHECKING:
    from jobctl.catalog.model import Schedule
    from jobctl.store import Store

MOST = 2_000
"""Ticks of one schedule that are counted in each part: a tick every second of half an hour, and of a longer part the
first ones."""
ALWAYS = 0.9
"""The share of all minutes from which on a schedule stands out in none."""
RECENT = 20
"""The latest jobs from which the usual time is taken."""
MINUTE_MS = 60_000


class CalendarRow(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule's ticks in each of the equal parts of the time, and how long its jobs usually take."""

    schedule: str
    total: int
    counts: list[int]
    usual_s: float | None


class Pile(msgspec.Struct, frozen=True, kw_only=True):
    """A minute in which several schedules are due."""

    at: datetime
    schedules: list[str]


class Calendar(msgspec.Struct, frozen=True, kw_only=True):
    """All schedules from `start` on, in parts of `part_s` seconds; the minutes with most schedules, the worst first."""

    start: datetime
    part_s: int
    rows: list[CalendarRow]
    piles: list[Pile]


def calendar(
    store: Store | None, schedules: Sequence[Schedule], start_ms: int, part_ms: int, parts: int, *, now_ms: int = 0
) -> Calendar:
    """Where the ticks of schedules fall from `start_ms` on. What is due before `now_ms` crowds no minute, nor does what
    is due in nearly every one. Without a store no usual times are known."""
    rows: list[CalendarRow] = []
    minutes: dict[int, list[str]] = {}
    coming = (start_ms + part_ms * parts - max(start_ms, now_ms)) / MINUTE_MS
    usual = {} if store is None else usual_times(store, [one.name for one in schedules])
    for schedule in schedules:
        counts, due = [0] * parts, set[int]()
        for tick in _counted(schedule, start_ms, part_ms, parts):
            counts[(tick - start_ms) // part_ms] += 1
            if tick >= now_ms:
                due.add(tick // MINUTE_MS)
        if len(due) < coming * ALWAYS and max(counts, default=0) < MOST:
            for minute in due:
                minutes.setdefault(minute, []).append(schedule.name)
        rows.append(
            CalendarRow(schedule=schedule.name, total=sum(counts), counts=counts, usual_s=usual.get(schedule.name))
        )
    return Calendar(start=clock.to_datetime(start_ms), part_s=part_ms // 1000, rows=rows, piles=_piles(minutes))


def _counted(schedule: Schedule, start_ms: int, part_ms: int, parts: int) -> Iterator[int]:
    """The ticks of each part, at most MOST of one."""
    after, end = start_ms - 1, start_ms + part_ms * parts
    while after < end:
        part_end = end
        for number, tick in enumerate(ticks(schedule, after)):
            if number == 0:
                part_end = tick - (tick - start_ms) % part_ms + part_ms
            if tick >= min(part_end, end) or number == MOST:
                break
            yield tick
        after = part_end - 1


def usual_times(store: Store, names: Sequence[str]) -> Mapping[str, float]:
    """The median time in seconds that the latest completed jobs of each schedule took."""
    out = {}
    for name in names:
        rows = store.ticks.history(name, limit=RECENT)
        took = [(row.ended - row.started) / 1000 for row in rows if row.started and row.ended]
        if took:
            out[name] = median(took)
    return out


def _piles(minutes: Mapping[int, list[str]], most: int = 5) -> list[Pile]:
    crowded = sorted((-len(names), minute, names) for minute, names in minutes.items() if len(names) > 1)
    return [Pile(at=clock.to_datetime(minute * MINUTE_MS), schedules=names) for _, minute, names in crowded[:most]]
