"""Looking at schedules: when each is due, what became of its ticks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec

from jobctl import clock
from jobctl.catalog.ticks import in_force, ticks, zone_of
from jobctl.catalog.words import words
from jobctl.errors import NothingMatched
from jobctl.ops.schedules.known import effective, named
from jobctl.store.nouns.schedules import LIVES_MS

if TYPE_CHECKING:
    from jobctl.catalog.model import Catalog, Schedule
    from jobctl.store import Store
    from jobctl.store.nouns.schedules import ByHand, Cursor, SchedulePause
    from jobctl.store.nouns.ticks import TickRow


class ScheduleRow(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule. `last_outcome` is what became of its latest tick, or of that tick's job once it has ended; `late_s`
    is how much later than due it was enqueued. `next_at` is null if it is never due again."""

    name: str
    job: str | None
    when: str | None
    timezone: str | None
    next_at: datetime | None
    last_at: datetime | None
    last_outcome: str | None
    last_job: str | None
    late_s: float | None
    catch_up: str | None
    overlap: str | None
    paused: bool
    paused_until: datetime | None
    paused_by: str | None
    reason: str | None
    set_by: str | None
    set_until: datetime | None
    set_reason: str | None
    retired: bool = False


class PastTick(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one tick: see store.nouns.ticks.TickRow. `outcome` is the state of its job once that has ended."""

    schedule: str
    due_at: datetime
    outcome: str
    what: str
    how: str
    decided_at: datetime
    late_s: float | None
    job: str | None
    queue: str | None
    took_s: float | None
    why: str | None


class NextTick(msgspec.Struct, frozen=True, kw_only=True):
    """A tick to come, in the schedule's zone and in UTC. `clocks_change`: the zone's offset is not what it was at the
    tick before. `paused`: as things are, it will pass without a job."""

    schedule: str
    local: datetime
    at: datetime
    clocks_change: bool
    paused: bool


def ls(store: Store, catalog: Catalog | None, names: Iterable[str] = ()) -> list[ScheduleRow]:
    """The schedules that are named, or all: the catalog's, then those that only other catalogs have, or had.

    Raises NothingMatched.
    """
    schedules, wanted = {} if catalog is None else effective(store, catalog), list(names)
    announced = store.schedules.announced()
    foreign = _foreign_names(store, schedules, announced)
    others = sorted(foreign.intersection(wanted) if wanted else foreign)
    own = [name for name in wanted if name not in foreign]
    known = [] if wanted and not own else named(schedules, own)
    every = [*(one.name for one in known), *others]
    cursors, latest, by_hand = store.schedules.cursors(every), store.ticks.latest(every), store.schedules.by_hand()
    now = store.processes.now_ms()
    rows = [_row(one, now, cursors[one.name], latest.get(one.name), by_hand.get(one.name, ())) for one in known]
    return rows + [_foreign(name, now, announced[name], cursors[name], latest.get(name)) for name in others]


def _row(schedule: Schedule, now_ms: int, cursor: Cursor, last: TickRow | None, sets: Sequence[ByHand]) -> ScheduleRow:
    upcoming, current = next(ticks(schedule, now_ms), None), in_force(schedule, now_ms)
    by_hand = sets[-1] if sets and sets[-1].holds(now_ms) else None
    return ScheduleRow(
        name=schedule.name,
        job=schedule.job,
        when=words(current),
        timezone=current.timezone,
        next_at=_at(upcoming),
        catch_up=schedule.catch_up,
        overlap=schedule.overlap,
        set_by=by_hand.by if by_hand else None,
        set_until=_at(by_hand.until_ms or None) if by_hand else None,
        set_reason=(by_hand.reason or None) if by_hand else None,
        **_past(cursor, last),
        **_pause(cursor.pause),
    )


def _foreign(name: str, now_ms: int, announced_ms: int, cursor: Cursor, last: TickRow | None) -> ScheduleRow:
    """A schedule that this catalog does not have."""
    return ScheduleRow(
        name=name,
        job=None,
        when=None,
        timezone=None,
        next_at=_at(cursor.next_ms),
        catch_up=None,
        overlap=None,
        set_by=None,
        set_until=None,
        set_reason=None,
        retired=now_ms - announced_ms > LIVES_MS,
        **_past(cursor, last),
        **_pause(cursor.pause),
    )


def _past(cursor: Cursor, last: TickRow | None) -> dict[str, Any]:
    if last is None:
        return {"last_at": _at(cursor.last_ms), "last_outcome": None, "last_job": cursor.last_job, "late_s": None}
    seen = past(last, "")
    return {"last_at": seen.due_at, "last_outcome": seen.outcome, "last_job": last.job, "late_s": seen.late_s}


def _pause(pause: SchedulePause | None) -> dict[str, Any]:
    return {
        "paused": pause is not None,
        "paused_until": _at(pause.until_ms or None) if pause else None,
        "paused_by": pause.by if pause else None,
        "reason": (pause.reason or None) if pause else None,
    }


def history(
    store: Store, catalog: Catalog | None, names: Iterable[str] = (), *, since_ms: int | None, until_ms: int | None
) -> Iterator[PastTick]:
    """What became of the ticks of some schedules, or of all, newest first; they may be such as the catalog no longer
    has.

    Raises NothingMatched if nobody knows a schedule.
    """
    wanted, known = list(dict.fromkeys(names)), {} if catalog is None else catalog.schedules
    for name in wanted:
        if name not in known and not store.ticks.counts([name])[name]:
            if catalog is not None:
                named(known, [name])
            raise NothingMatched(f"no schedule {name[:120]} has a history", "`jobctl schedule ls` shows them all")
    rows = store.ticks.newest_first(wanted or _all(store, known), before_ms=until_ms, since_ms=since_ms)
    return (past(row, name) for name, row in rows)


def _all(store: Store, known: Mapping[str, Schedule]) -> list[str]:
    """The schedules of the catalog, and those that only other catalogs have, or had."""
    return [*known, *sorted(_foreign_names(store, known, store.schedules.announced()))]


def _foreign_names(store: Store, known: Mapping[str, Schedule], announced: Mapping[str, int]) -> set[str]:
    return announced.keys() - {*known, *store.schedules.roots(known).values()}


def past(row: TickRow, schedule: str) -> PastTick:
    """A row of the history as it is shown."""
    ran = row.started is not None and row.ended is not None
    return PastTick(
        schedule=schedule,
        due_at=clock.to_datetime(row.due_ms),
        outcome=row.state or row.what,
        what=row.what,
        how=row.how,
        decided_at=clock.to_datetime(row.at),
        late_s=max(0, row.at - row.due_ms) / 1000 if row.how in ("tick", "caught_up", "queued") and row.job else None,
        job=row.job,
        queue=row.queue,
        took_s=(row.ended - row.started) / 1000 if ran and row.ended and row.started else None,
        why=row.why,
    )


def pauses(store: Store, schedules: Sequence[Schedule]) -> dict[str, SchedulePause]:
    """Those of the schedules that are paused at this moment."""
    cursors = store.schedules.cursors(one.name for one in schedules)
    return {name: cursor.pause for name, cursor in cursors.items() if cursor.pause is not None}


def upcoming(
    schedules: Sequence[Schedule], paused: Mapping[str, SchedulePause], after_ms: int, count: int
) -> list[NextTick]:
    """The next ticks of each, in order of time."""
    out = []
    for schedule in schedules:
        pause, earlier = paused.get(schedule.name), clock.to_datetime(after_ms)
        for tick in islice(ticks(schedule, after_ms), count):
            moment, zone = clock.to_datetime(tick), zone_of(in_force(schedule, tick))
            local = moment.astimezone(zone)
            out.append(
                NextTick(
                    schedule=schedule.name,
                    local=local,
                    at=moment,
                    clocks_change=local.utcoffset() != earlier.astimezone(zone).utcoffset(),
                    paused=pause is not None and (pause.until_ms == 0 or tick < pause.until_ms),
                )
            )
            earlier = moment
    return sorted(out, key=lambda tick: tick.at)


def _at(ms: int | None) -> datetime | None:
    return None if ms is None else clock.to_datetime(ms)
