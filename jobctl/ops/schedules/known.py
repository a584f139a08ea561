"""Which schedules there are: the catalog's, with what is set by hand; found by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from msgspec.structs import replace

from jobctl import clock
from jobctl.catalog.model import Period
from jobctl.catalog.problems import did_you_mean
from jobctl.catalog.schedules import cron_problem, zone_problem
from jobctl.errors import NothingMatched

if TYPE_CHECKING:
    from jobctl.catalog.model import Catalog, Schedule
    from jobctl.store import Store
    from jobctl.store.nouns.schedules import ByHand

LEAST_MS = 1_000


def effective(store: Store, catalog: Catalog) -> Mapping[str, Schedule]:
    """The catalog's schedules, with the times that were set by hand. Those that are of no use here are passed over: who
    set them may know time zones that this machine does not."""
    by_hand = store.schedules.by_hand()
    if not by_hand:
        return catalog.schedules
    return {name: with_sets(one, by_hand[name]) if name in by_hand else one for name, one in catalog.schedules.items()}


def with_sets(schedule: Schedule, sets: Iterable[ByHand]) -> Schedule:
    """A schedule with what was set by hand of it."""
    periods = tuple(period_of(said) for said in sets if problem_of(said) is None)
    return replace(schedule, by_hand=periods) if periods else schedule


def period_of(said: ByHand) -> Period:
    """What was set by hand, as the catalog's model has it."""
    return Period(said.since_ms, said.until_ms, said.cron, said.every_ms, said.timezone)


def problem_of(said: ByHand) -> str | None:
    """What is wrong with times set by hand, in the words of `schedule set`; None if they can be used here."""
    if (said.cron is None) == (said.every_ms is None):
        return "give either --cron or --every"
    if said.cron is not None and (problem := cron_problem(said.cron)):
        return f"--cron: {problem}"
    if said.every_ms is not None and not LEAST_MS <= said.every_ms <= clock.LAST_MS:
        return "--every: expected at least 1s"
    if said.timezone is not None and (problem := zone_problem(said.timezone)):
        return f"--timezone: {problem}"
    return None


def taken_over(store: Store, catalog: Catalog, names: Iterable[str]) -> list[Schedule]:
    """The schedules of those names, as they are at this moment, before they are changed: each that was renamed goes on
    under its new name from now on, also where no scheduler has said so yet. Raises NothingMatched."""
    wanted = named(catalog.schedules, names)
    store.schedules.rename([(one.was, one.name) for one in wanted if one.was])
    return named(effective(store, catalog), [one.name for one in wanted])


def kept_as(store: Store, schedule: Schedule) -> str:
    """The name under which a schedule is kept at this moment: the old one if nobody has named the new one yet."""
    if schedule.was is None or schedule.name in store.schedules.announced():
        return schedule.name
    return schedule.was


def named(schedules: Mapping[str, Schedule], names: Iterable[str]) -> list[Schedule]:
    """The schedules of those names, or all, in the catalog's order. Raises NothingMatched."""
    wanted = list(dict.fromkeys(names))
    for name in wanted:
        if name not in schedules:
            hint = did_you_mean(name, schedules) or "`jobctl schedule ls` shows them all"
            raise NothingMatched(f"no schedule {name[:120]} in the catalog", hint)
    return [schedules[name] for name in wanted] if wanted else list(schedules.values())
