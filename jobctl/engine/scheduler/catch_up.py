"""Ticks that no scheduler took when they were due: made up for, or noted as missed, as the schedule's policy says."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from itertools import islice, takewhile
from typing import Protocol

from jobctl import clock
from jobctl.catalog.model import Schedule
from jobctl.catalog.ticks import following, latest, ticks
from jobctl.store.nouns.schedules import Ticked

log = logging.getLogger(__name__)

AT_ONCE = 50
"""Ticks that are made up for in one go."""
TOLD = 1_000
"""Missed ticks of one absence that are noted one by one: the latest."""
LATE = "no scheduler took it when it was due"
MISSED = "no scheduler took it in time"
TOO_OLD = f"{MISSED}, and it is older than `window`"
PASSED_OVER = f"{MISSED}; `catch_up: latest` makes up for the last one only"


class Missing(Protocol):
    """The store's side of what was missed."""

    def tick(self, schedule: Schedule, tick_ms: int, how: str = "tick", why: str = "") -> Ticked:
        """Take a tick and enqueue its job."""

    def let_pass(self, schedule: Schedule, passed: Sequence[int], next_ms: int, what: str, why: str) -> int:
        """Let ticks pass without a job; `next_ms` is the one after the last. Returns how many did."""


def make_up(store: Missing, schedule: Schedule, from_ms: int, before_ms: int, now_ms: int) -> int | None:
    """Decide over some of the ticks from `from_ms` on and before `before_ms`, the oldest first.

    Returns the first that is left, None once all are decided.
    """
    first = next(ticks(schedule, from_ms - 1), None)
    if first is None or first >= before_ms:
        # What was expected is no tick of this schedule.
        store.let_pass(schedule, (), following(schedule, before_ms - 1), "missed", "")
        return None
    wanted = _wanted(schedule, first, before_ms, now_ms)
    if wanted is None or first < wanted:
        _let_pass(store, schedule, first, before_ms if wanted is None else wanted, now_ms)
        return wanted
    for tick in islice(takewhile(lambda tick: tick < before_ms, ticks(schedule, first - 1)), AT_ONCE):
        said = store.tick(schedule, tick, "caught_up", LATE)
        if said.job is not None and said.job.fresh:
            log.info(
                "schedule %s: missed tick %s is made up for: job %s", schedule.name, clock.stamp(tick), said.job.id
            )
    left = following(schedule, tick)
    return left if left < before_ms else None


def _wanted(schedule: Schedule, first_ms: int, before_ms: int, now_ms: int) -> int | None:
    """The first of the missed ticks that is made up for; None if none is."""
    oldest = max(first_ms, now_ms - schedule.window_ms)
    if schedule.catch_up == "all":
        found = next(ticks(schedule, oldest - 1), before_ms)
        return found if found < before_ms else None
    if schedule.catch_up == "latest":
        return next(iter(latest(schedule, oldest, before_ms, 1)), None)
    return None


def _let_pass(store: Missing, schedule: Schedule, first_ms: int, until_ms: int, now_ms: int) -> None:
    """Note the ticks from the first one on and before `until_ms` as missed."""
    told = latest(schedule, first_ms, until_ms, TOLD)
    passed = 0
    if told[0] > first_ms:
        why = f"{MISSED}; the missed ticks after it until {clock.stamp(told[0])} are not listed"
        passed += store.let_pass(schedule, [first_ms], told[0], "missed", why)
    passed += store.let_pass(schedule, told, following(schedule, told[-1]), "missed", _why(schedule, until_ms, now_ms))
    if passed:
        ticks_are = "tick was" if passed == 1 else "ticks were"
        log.warning("schedule %s: %d %s missed since %s", schedule.name, passed, ticks_are, clock.stamp(first_ms))


def _why(schedule: Schedule, until_ms: int, now_ms: int) -> str:
    if schedule.catch_up == "none":
        return MISSED
    return TOO_OLD if until_ms <= now_ms - schedule.window_ms or schedule.catch_up == "all" else PASSED_OVER
