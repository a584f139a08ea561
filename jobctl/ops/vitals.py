"""Whether queues are within limits that a monitoring system sets: latency, depth, failures, who works."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import msgspec

from jobctl.errors import NothingMatched, UsageError
from jobctl.ops import queues
from jobctl.ops.filters.match import Subject
from jobctl.ops.known import catalog_queues, known_queues
from jobctl.ops.schedules.check import alive
from jobctl.ops.schedules.check import check as punctuality
from jobctl.ops.stats import kinds, parsed
from jobctl.store.data.stats import Counts, summed
from jobctl.store.nouns.stats import MINUTES, span

if TYPE_CHECKING:
    from jobctl.catalog.model import Catalog
    from jobctl.ops.filters.filter import Filter
    from jobctl.store import Store
    from jobctl.store.data.records import QueueRow

FEWEST = 10
"""A failure rate is judged from so many attempts on."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is checked, and what is allowed; None is not checked. Latency in seconds, the failure rate as a share."""

    latency_s: float | None = None
    waiting: int | None = None
    dead: int | None = None
    failure_rate: float | None = None
    workers: int | None = None
    scheduler: bool | None = None


class Vital(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was checked. `measure`: latency, waiting, dead, failure_rate, workers, schedulers, late, memory.

    `value` is that of the worst queue (or job type), which `worst` names; None if there was nothing to measure. `limit`
    is the most that is allowed, of workers and schedulers the least. `unit`: s, %, B, or empty for a number.
    """

    measure: str
    ok: bool
    value: float | None
    limit: float
    worst: str | None
    unit: str = ""


def check(store: Store, catalog: Catalog | None, terms: Sequence[str], bounds: Bounds, last_ms: int) -> list[Vital]:
    """Check what has a bound. Raises UsageError if nothing has, NothingMatched if a filter matches no queue."""
    if all(getattr(bounds, field.name) is None for field in fields(bounds)):
        raise UsageError("nothing to check", "give a limit, such as --max-latency 60s or --min-workers 1")
    wanted = parsed(terms)
    by_type = "job" in wanted.keys
    of_queues = any(value is not None for value in (bounds.latency_s, bounds.waiting, bounds.dead, bounds.workers))
    if by_type and of_queues:
        raise UsageError("only --max-failure-rate can be checked by job:", "the other limits are of queues: use queue:")
    out = []
    if of_queues:
        out += list(of_queues_that_match(_rows(store, catalog, wanted), bounds, catalog_queues(catalog)))
    if bounds.failure_rate is not None:
        _require_kind(store, catalog, wanted)
        out.append(failures(store, wanted, bounds.failure_rate, last_ms, by_type=by_type))
    if bounds.scheduler:
        out += _of_scheduler(store, catalog)
    return out


def _rows(store: Store, catalog: Catalog | None, wanted: Filter) -> list[QueueRow]:
    known = known_queues(store, catalog)
    names = [name for name in known if wanted.possible(queue=name)]
    if not wanted.is_empty and not names:
        raise NothingMatched(f"no queue matches {wanted}", "`jobctl queue ls` lists them")
    return queues.ls(store, catalog, names) if names else []


def of_queues_that_match(rows: Sequence[QueueRow], bounds: Bounds, own: Iterable[str]) -> Iterator[Vital]:
    """Check what has a bound of these queues. `own` are those that the catalog names."""
    if bounds.latency_s is not None:
        yield _most("latency", rows, lambda row: row.oldest_waiting_s or 0.0, bounds.latency_s, "s")
    if bounds.waiting is not None:
        yield _most("waiting", rows, lambda row: float(row.waiting + (row.limited or 0)), float(bounds.waiting))
    if bounds.dead is not None:
        yield _most("dead", rows, lambda row: float(row.dead or 0), float(bounds.dead))
    if bounds.workers is not None:
        # A queue that no catalog has any more needs no worker, unless jobs wait in it.
        needing = [row for row in rows if row.queue in own or row.waiting or row.limited]
        worst = min(needing, key=lambda row: row.workers or 0, default=None)
        value = float(worst.workers or 0) if worst else None
        ok = value is None or value >= bounds.workers
        yield Vital(measure="workers", ok=ok, value=value, limit=bounds.workers, worst=worst.queue if worst else None)


def _most(
    measure: str, rows: Sequence[QueueRow], value: Callable[[QueueRow], float], limit: float, unit: str = ""
) -> Vital:
    worst = max(rows, key=value, default=None)
    found = 0.0 if worst is None else round(value(worst), 3)
    return Vital(
        measure=measure, ok=found <= limit, value=found, limit=limit, worst=worst.queue if worst else None, unit=unit
    )


def _require_kind(store: Store, catalog: Catalog | None, wanted: Filter) -> None:
    """Raise NothingMatched for a filter that means no job type of the catalog and none that was ever counted."""
    own = [] if catalog is None else [Subject(queue=job.queue, type=job.name) for job in catalog.jobs.values()]
    if not wanted.is_empty and not any(map(wanted.matches, own)) and not kinds(store, wanted):
        raise NothingMatched(f"no job type matches {wanted}", "`jobctl stats` lists those that ran")


def failures(store: Store, wanted: Filter, limit: float, last_ms: int, *, by_type: bool) -> Vital:
    """Of the queues (of the types, if the filter names some) that made enough attempts, the one that failed most."""
    now = store.processes.now_ms()
    found = kinds(store, wanted, now - last_ms)
    sums = store.stats.sums(found, span(MINUTES, now - last_ms, now + 1))
    parts: dict[str, list[Counts]] = {}
    for kind in found:
        parts.setdefault(kind.type if by_type else kind.queue, []).append(sums[kind])
    totals = {name: summed(counts) for name, counts in parts.items()}
    rates = {
        name: rate
        for name, total in totals.items()
        if total.ended_attempts >= FEWEST and (rate := total.failure_rate) is not None
    }
    worst = max(rates, key=lambda name: rates[name], default=None)
    value = None if worst is None else round(100 * rates[worst], 2)
    limit_percent = round(100 * limit, 2)
    ok = value is None or value <= limit_percent
    return Vital(measure="failure_rate", ok=ok, value=value, limit=limit_percent, worst=worst, unit="%")


def lateness(store: Store, catalog: Catalog, limit_s: float) -> Vital:
    """By how much the latest tick of all schedules is late."""
    _, rows = punctuality(store, catalog)
    worst = max(rows, key=lambda row: row.late_s, default=None)
    late = None if worst is None else worst.late_s
    name = worst.name if worst is not None and late else None
    return Vital(measure="late", ok=(late or 0) <= limit_s, value=late, limit=limit_s, worst=name, unit="s")


def memory(store: Store, limit: float, unit: str) -> Vital:
    """How much memory Redis uses: as a share of its maxmemory (%), or in bytes (B)."""
    info = store.server.info() or {}
    used, most = info.get("used_memory"), int(info.get("maxmemory", 0))
    value = None if used is None else float(used)
    if unit == "%":
        value = round(100 * value / most, 2) if value is not None and most else None
    return Vital(measure="memory", ok=(value or 0) <= limit, value=value, limit=limit, worst=None, unit=unit)


def _of_scheduler(store: Store, catalog: Catalog | None) -> list[Vital]:
    """Whether one is alive; and if there is a catalog, by how much its latest tick is late."""
    if catalog is None or not catalog.schedules:
        count = alive(store)
        return [Vital(measure="schedulers", ok=count >= 1, value=count, limit=1, worst=None)]
    count, rows = punctuality(store, catalog)
    late = [row for row in rows if not row.ok]
    worst = max(late, key=lambda row: row.late_s, default=None)
    return [
        Vital(measure="schedulers", ok=count >= 1, value=count, limit=1, worst=None),
        Vital(measure="late", ok=not late or not count, value=len(late), limit=0, worst=worst.name if worst else None),
    ]
