"""What only the time makes wrong in a catalog's schedules, and what is right and still worth a word."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import islice, pairwise, takewhile

from jobctl import clock
from jobctl.catalog.model import DAY_MS, Catalog, Schedule
from jobctl.catalog.problems import Problem
from jobctl.catalog.ticks import first_after, ticks
from jobctl.catalog.units import format_duration

LOOKED_AT = 200
"""Ticks of a schedule that are compared with each other."""
RARE = 24
"""A schedule with more ticks than this a day is not counted among those that crowd a minute."""
CROWD = 5
"""So many schedules in one minute are worth a word."""
_MINUTE_MS = 60_000


def over(catalog: Catalog, now_ms: int) -> list[Problem]:
    """Schedules that are never due again. `validate` refuses them; what runs goes on: time alone must not stop it."""
    hint = "remove it, or change `end` or `at`"
    never = (name for name, schedule in catalog.schedules.items() if first_after(schedule, now_ms) is None)
    return [_problem(catalog, name, "it is never due again", hint) for name in never]


def cautions(catalog: Catalog, now_ms: int) -> list[Problem]:
    """Schedules that are due more often than their jobs may take, or due all at once."""
    out = [problem for schedule in catalog.schedules.values() for problem in _of(catalog, schedule, now_ms)]
    return out + list(_crowds(catalog, now_ms))


def _of(catalog: Catalog, schedule: Schedule, now_ms: int) -> Iterator[Problem]:
    found = list(islice(ticks(schedule, now_ms), LOOKED_AT))
    gap = min((later - earlier for earlier, later in pairwise(found)), default=None)
    limit = catalog.jobs[schedule.job].timeout_ms
    if gap is not None and limit and gap < limit and schedule.overlap == "allow":
        often = f"it is due every {format_duration(gap)}, and its job may take {format_duration(limit)}"
        yield _problem(catalog, schedule.name, often, "say with `overlap` what then happens, or lower the `timeout`")


def _crowds(catalog: Catalog, now_ms: int) -> Iterator[Problem]:
    """The most crowded minute of the coming day, of schedules that are rare and not spread."""
    minutes: Counter[int] = Counter()
    first: dict[int, str] = {}
    for schedule in catalog.schedules.values():
        day = list(islice(takewhile(lambda tick: tick < now_ms + DAY_MS, ticks(schedule, now_ms)), RARE + 1))
        if len(day) <= RARE and not schedule.jitter_ms:
            for minute in {tick // _MINUTE_MS for tick in day}:
                minutes[minute] += 1
                first.setdefault(minute, schedule.name)
    if minutes and (worst := minutes.most_common(1)[0])[1] >= CROWD:
        at = clock.to_datetime(worst[0] * _MINUTE_MS)
        said = f"{worst[1]} schedules are due together, at {at:%H:%M} UTC"
        yield _problem(catalog, first[worst[0]], said, "spread them, or give them `jitter`")


def _problem(catalog: Catalog, name: str, message: str, hint: str) -> Problem:
    where = f"schedules.{name}"
    line, column = catalog.positions.get(where, (1, 1))
    return Problem(catalog.path or "", line, column, where, message, hint)
