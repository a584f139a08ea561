"""Changing schedules live: pause, resume, other times for a while."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from jobctl.errors import UsageError
from jobctl.ops.schedules.known import problem_of, taken_over
from jobctl.store.nouns.audit import me
from jobctl.store.nouns.schedules import ByHand, SchedulePause

if TYPE_CHECKING:
    from jobctl.catalog.model import Catalog
    from jobctl.store import Store


def pause(store: Store, catalog: Catalog, names: Iterable[str], until_ms: int | None, reason: str) -> None:
    """Let ticks pass without a job, until a moment (Redis's clock) or until resumed. Raises NothingMatched."""
    for schedule in taken_over(store, catalog, names):
        store.schedules.pause(schedule.name, SchedulePause(until_ms or 0, me(), reason))
        store.audit.add("schedule pause", f"schedule:{schedule.name}", 1, reason)


def resume(store: Store, catalog: Catalog, names: Iterable[str]) -> dict[str, bool]:
    """End pauses; says of each schedule whether it was paused. Raises NothingMatched."""
    out = {}
    for schedule in taken_over(store, catalog, names):
        out[schedule.name] = store.schedules.resume(schedule.name)
        if out[schedule.name]:
            store.audit.add("schedule resume", f"schedule:{schedule.name}", 1)
    return out


def set_times(
    store: Store,
    catalog: Catalog,
    name: str,
    *,
    cron: str | None,
    every_ms: int | None,
    timezone: str | None,
    until_ms: int | None,
    reason: str,
) -> ByHand:
    """Let a schedule be due at other times, until a moment (Redis's clock) or until reset. Exactly one of `cron` and
    `every_ms`. Raises NothingMatched or UsageError."""
    taken_over(store, catalog, [name])
    said = ByHand(me(), until_ms=until_ms or 0, reason=reason, cron=cron, every_ms=every_ms, timezone=timezone)
    if problem := problem_of(said):
        raise UsageError(problem, 'for example `jobctl schedule set NAME --cron "0 9 * * *"`')
    store.schedules.set_by_hand(name, said)
    store.audit.add("schedule set", f"schedule:{name}", 1, cron or f"every {every_ms} ms")
    return said


def reset(store: Store, catalog: Catalog, name: str) -> bool:
    """Bring the catalog's times back. False if nothing was set by hand. Raises NothingMatched."""
    if name not in store.schedules.by_hand():
        taken_over(store, catalog, [name])
    done = store.schedules.set_by_hand(name, None)
    if done:
        store.audit.add("schedule set", f"schedule:{name}", 1, "reset")
    return done
