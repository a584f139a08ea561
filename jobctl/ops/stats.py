"""How much was done, how often it failed, how long it waited and ran: by job type or queue, over a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec

from jobctl import clock
from jobctl.errors import UsageError
from jobctl.ops.filters.filter import Filter, parse
from jobctl.ops.filters.match import Subject
from jobctl.store.data.stats import Counts, summed
from jobctl.store.nouns.stats import DAYS, MINUTE_MS, Kind, Span, finest, span

if TYPE_CHECKING:
    from jobctl.store import Store

DAY_MS = 86_400_000
POINTS = 20
"""How many numbers a series has at most."""
COUNTED = frozenset({"queue", "job"})
"""What statistics can be filtered by."""


class StatsRow(msgspec.Struct, frozen=True, kw_only=True):
    """What happened to the jobs of a type, or of a queue (then `type` is None), from `since` to `until`.

    `failed` counts attempts, the other numbers jobs. `failure_rate` is the share of ended attempts that failed.
    `completed_before` is how many completed in the same time a day before (or in the equally long time before, if it is
    longer than a day), and `trend` by how much that has changed since: 0.5 is half as many again. `series` divides the
    time into equal parts, with the completed jobs of each.
    """

    name: str
    queue: str
    type: str | None
    since: datetime
    until: datetime
    enqueued: int
    started: int
    completed: int
    failed: int
    retried: int
    dead: int
    cancelled: int
    completed_per_minute: float
    failure_rate: float | None
    wait_p50_s: float | None
    wait_p95_s: float | None
    wait_p99_s: float | None
    run_p50_s: float | None
    run_p95_s: float | None
    run_p99_s: float | None
    completed_before: float
    trend: float | None
    series: tuple[int, ...]


def parsed(terms: Sequence[str]) -> Filter:
    """The filter of these terms. Raises UsageError for one by which nothing is counted."""
    wanted = parse(terms)
    why = "statistics are counted by queue: and job: only"
    wanted.refuse(wanted.keys - COUNTED, why, "`jobctl job ls --by error` and `jobctl dead groups` look at single jobs")
    return wanted


def kinds(store: Store, wanted: Filter, since_ms: int = 0) -> list[Kind]:
    """The job types that were counted since then, of those that a filter wants."""
    known = store.stats.kinds(store.queues.names(), since_ms)
    return sorted(kind for kind in known if wanted.matches(Subject(queue=kind.queue, type=kind.type)))


def look(store: Store, terms: Sequence[str], *, last_ms: int, by: str) -> list[StatsRow]:
    """A row for each job type or queue (`by`) of which something happened in the last `last_ms`, the busiest first."""
    wanted = parsed(terms)
    now = store.processes.now_ms()
    since = now - last_ms
    if finest(since, now) is DAYS and since < now - DAYS.kept * DAY_MS:
        raise UsageError(f"statistics go back {DAYS.kept} days")
    whole = span(finest(since, now), since, now + 1)
    shift = max(DAY_MS, last_ms)
    found = kinds(store, wanted, since - shift)
    series = store.stats.series(found, whole)
    before = _completed(store, found, since - shift, now - shift, now)
    rows = []
    for name, those in _grouped(found, by).items():
        parts = [summed(each) for each in zip(*(series[kind] for kind in those), strict=True)]
        done = sum(before[kind] for kind in those)
        row = _row(name, those[0], whole, now, parts, done, by)
        if done or any((row.enqueued, row.started, row.completed, row.failed, row.dead, row.cancelled)):
            rows.append(row)
    return sorted(rows, key=lambda row: (-(row.completed + row.failed), -row.enqueued, row.queue, row.name))


def _grouped(found: Iterable[Kind], by: str) -> dict[str, list[Kind]]:
    out: dict[str, list[Kind]] = {}
    for kind in found:
        # A type of a stock deployment may be in several queues.
        out.setdefault(kind.queue if by == "queue" else f"{kind.queue}\0{kind.type}", []).append(kind)
    return out


def _completed(store: Store, found: Sequence[Kind], since: int, until: int, now: int) -> Mapping[Kind, float]:
    """How many jobs of each completed between two times: of a period that lies in it in part, that share."""
    wanted = span(finest(since, now), since, until)
    length = wanted.period.minutes * MINUTE_MS
    starts = [wanted.start_ms + n * length for n in range(wanted.count)]
    shares = [(min(until, start + length) - max(since, start)) / length for start in starts]
    series = store.stats.series(found, wanted)
    return {
        kind: sum(counts.completed * share for counts, share in zip(series[kind], shares, strict=True))
        for kind in found
    }


def _row(name: str, kind: Kind, whole: Span, now_ms: int, parts: Sequence[Counts], before: float, by: str) -> StatsRow:
    total = summed(parts)
    minutes = max(now_ms - whole.start_ms, 1) / MINUTE_MS
    trend = total.completed / before - 1 if before else None
    wait, run = ([_rounded(times.quantile(q)) for q in (0.5, 0.95, 0.99)] for times in (total.wait, total.run))
    return StatsRow(
        name=kind.type if by == "type" else name,
        queue=kind.queue,
        type=kind.type if by == "type" else None,
        since=clock.to_datetime(whole.start_ms),
        until=clock.to_datetime(now_ms),
        enqueued=total.enqueued,
        started=total.started,
        completed=total.completed,
        failed=total.failed,
        retried=total.retried,
        dead=total.dead,
        cancelled=total.cancelled,
        completed_per_minute=round(total.completed / minutes, 3),
        failure_rate=None if total.failure_rate is None else round(total.failure_rate, 4),
        wait_p50_s=wait[0],
        wait_p95_s=wait[1],
        wait_p99_s=wait[2],
        run_p50_s=run[0],
        run_p95_s=run[1],
        run_p99_s=run[2],
        completed_before=round(before, 1),
        trend=None if trend is None else round(trend, 3),
        series=_thinned([part.completed for part in parts]),
    )


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else float(f"{seconds:.3g}")


def _thinned(numbers: Sequence[int]) -> tuple[int, ...]:
    """The same in at most POINTS sums."""
    count = min(POINTS, len(numbers))
    cuts = [round(at * len(numbers) / count) for at in range(count + 1)]
    return tuple(sum(numbers[start:end]) for start, end in pairwise(cuts))
