"""What happens now: how long jobs wait, which backlogs grow, what dies, which workers die."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from jobctl import clock
from jobctl.catalog.units import format_duration
from jobctl.ops.doctor.check import Check, listed
from jobctl.ops.limits import kind_of, name_of
from jobctl.store.data.stats import Counts, summed
from jobctl.store.nouns.stats import HOURS, MINUTE_MS, MINUTES, Kind, span

if TYPE_CHECKING:
    from jobctl.store import Store
    from jobctl.store.data.records import DeadGroup, QueueRow
    from jobctl.store.nouns.processes import Death

LATELY_MS = 10 * MINUTE_MS
"""What happened within this is compared with what was before."""
HOUR_MS = 60 * MINUTE_MS
FEWEST_STARTS = 20
"""Waiting times are compared from so many starts on."""
RISEN, SLOW_S = 3.0, 1.0
"""Waiting has risen if it is so many times what it was, and at least so long."""
LONG_S, MANY = 10.0, 100
"""A queue has a backlog if a job waits for so long, or so many do."""
HELD_MS = MINUTE_MS
"""A limit is a bottleneck if a job waits for it so long."""
AGAIN_AND_AGAIN = 3
"""A worker whose processes die so often within LATELY_MS is sick."""
GROUPS = 5
"""Error groups that are told one by one."""
MANY_DEAD = 100
"""So many deaths of one error within an hour are urgent."""


def checks(store: Store, depths: Sequence[QueueRow], serving: dict[str, int]) -> Iterator[Check]:
    """Look at what happened lately. Only what is worth a line is told."""
    now = store.processes.now_ms()
    # Where hardly anything waits there is neither a backlog nor latency: its counts need not be read.
    busy = [row for row in depths if row.waiting + (row.limited or 0) >= MANY or (row.oldest_waiting_s or 0) >= SLOW_S]
    lately = _counted(store, [row.queue for row in busy], now)
    yield from _backlogs(busy, serving, lately, now)
    yield from _latencies(store, lately, now)
    yield from _groups(store, [row.queue for row in depths if row.dead], now)
    yield from _limits(store, [row.queue for row in depths if row.limited], now)
    yield from _deaths(store)


def _counted(store: Store, queues: Sequence[str], now: int) -> dict[str, list[tuple[Kind, Counts]]]:
    """What happened lately in each queue, by job type."""
    kinds = store.stats.kinds(queues, now - LATELY_MS)
    sums = store.stats.sums(kinds, span(MINUTES, now - LATELY_MS, now + 1))
    out: dict[str, list[tuple[Kind, Counts]]] = {}
    for kind, counts in sums.items():
        out.setdefault(kind.queue, []).append((kind, counts))
    return out


def _backlogs(
    depths: Sequence[QueueRow], serving: dict[str, int], lately: dict[str, list[tuple[Kind, Counts]]], now: int
) -> Iterator[Check]:
    """Queues in which jobs wait though workers serve them: whether they get fewer, and when they will be gone."""
    for row in depths:
        waiting, oldest = row.waiting + (row.limited or 0), row.oldest_waiting_s or 0.0
        if row.paused or not serving.get(row.queue) or (waiting < MANY and oldest < LONG_S):
            continue
        total = summed(counts for _, counts in lately.get(row.queue, ()))
        minutes = LATELY_MS / MINUTE_MS
        done = (total.completed + total.dead + total.cancelled) / minutes
        net = done - total.enqueued / minutes
        since = clock.to_datetime(now - round(oldest * 1000)) if oldest else None
        command = f"jobctl stats queue:{row.queue}"
        found = f"{waiting:,} jobs wait in {row.queue}"
        if not done:
            text = f"{found}, and none has ended in the last {minutes:.0f} minutes"
            yield Check("backlog", "fail", text, "see what its workers do", since, "jobctl ps")
        elif net <= 0:
            text = f"{found}, {-net:,.0f} more each minute"
            yield Check("backlog", "warn", text, "add workers, or slow down who enqueues", since, command)
        else:
            left = format_duration(round(waiting / net * 60) * 1000)
            text = f"{found}, {net:,.0f} fewer each minute: gone in {left}"
            yield Check("backlog", "ok", text, "", since, command)


def _latencies(store: Store, lately: dict[str, list[tuple[Kind, Counts]]], now: int) -> Iterator[Check]:
    """Queues whose jobs wait much longer than in the hours before."""
    slow = {}
    for queue, kinds in lately.items():
        total = summed(counts for _, counts in kinds)
        p95 = total.wait.quantile(0.95)
        if p95 is not None and p95 >= SLOW_S and total.wait.total >= FEWEST_STARTS:
            slow[queue] = (p95, [kind for kind, _ in kinds])
    if not slow:
        return
    hours = span(HOURS, now - 3 * HOUR_MS, now - HOUR_MS)
    sums = store.stats.sums([kind for _, kinds in slow.values() for kind in kinds], hours)
    for queue, (p95, those) in slow.items():
        before = summed(sums[kind] for kind in those)
        usual = before.wait.quantile(0.95)
        if usual is None or before.wait.total < FEWEST_STARTS or p95 < RISEN * usual:
            continue
        text = f"jobs of {queue} start after {_seconds(p95)} (p95), {_seconds(usual)} in the hours before"
        advice = "more work or slower jobs? compare the columns"
        yield Check("latency", "warn", text, advice, None, f"jobctl stats queue:{queue} --since 3h")


def _seconds(value: float) -> str:
    return format_duration(max(1, round(value * 1000))) if value < 10 else format_duration(round(value) * 1000)


def _groups(store: Store, queues: Sequence[str], now: int) -> Iterator[Check]:
    """Errors that are new within the hour, or of which more died within it than ever before; but muted ones."""
    hour = clock.to_datetime(now) - timedelta(milliseconds=HOUR_MS)
    found = store.dead.fresh(queues, now - HOUR_MS)
    muted = {key: note.muted for key, note in store.notes.all().items() if note.muted is not None} if found else {}
    told = [
        (group, text)
        for group, late in found
        if group.count > muted.get((group.queue, group.group), 0) and (text := _grows(group, late, hour))
    ]
    told.sort(key=lambda pair: -pair[0].count)
    for group, text in told[:GROUPS]:
        error = f"{group.error}: {group.message}" if group.message else str(group.error)
        said = f"{text} of {group.type}, group {group.group[:8]}: {error[:120]}{'…' * (len(error) > 120)}"
        status = "fail" if group.count >= MANY_DEAD else "warn"
        yield Check("errors", status, said, "see why", _since(group, hour), f"jobctl dead ls group:{group.group[:8]}")
    if len(told) > GROUPS:
        more = len(told) - GROUPS
        said = f"{more} more {'error is' if more == 1 else 'errors are'} new or growing"
        since = min(_since(group, hour) for group, _ in told[GROUPS:])
        yield Check("errors", "warn", said, "see them all", since, "jobctl dead groups since:1h")


def _since(group: DeadGroup, hour: datetime) -> datetime:
    """Since when an error is new or growing, within the hour."""
    return max(group.first_died_at or hour, hour)


def _grows(group: DeadGroup, within_hour: int, hour: datetime) -> str | None:
    """What is new about a group; None if nothing is."""
    if group.first_died_at is not None and group.first_died_at >= hour:
        return f"new error, {within_hour:,} dead"
    before = group.count - within_hour
    return f"growing error, {within_hour:,} more dead within an hour" if within_hour > before else None


def _limits(store: Store, queues: Sequence[str], now: int) -> Iterator[Check]:
    """Limits that jobs wait for."""
    for queue in queues:
        since = store.limits.held_since(queue)
        if since is None or now - clock.to_ms(since) < HELD_MS:
            continue
        parked = {limit: count for limit, count in store.limits.parked(queue).items() if count and limit[0] in "rcRC"}
        if not parked:
            continue
        worst = max(parked, key=lambda limit: parked[limit])
        name = name_of(queue, worst)
        found = f"{parked[worst]:,} jobs of {queue} wait for the {kind_of(worst)} limit of {name}"
        yield Check("limits", "warn", found, "raise it for a time, or let them wait", since, f"jobctl limit ls {name}")


def _deaths(store: Store) -> Iterator[Check]:
    """Workers whose processes die again and again, or were killed from outside: for memory, most likely."""
    now = clock.now_ms()
    for name, every in store.processes.deaths().items():
        deaths = [death for death in every if now - death.at_ms < LATELY_MS]
        killed = [death for death in deaths if death.outside]
        if killed:
            yield _killed(name, killed)
        if len(deaths) >= AGAIN_AND_AGAIN:
            found = f"processes of worker {name} died {len(deaths)} times in ten minutes, the last by {deaths[-1].how}"
            since = clock.to_datetime(deaths[0].at_ms)
            yield Check("restarts", "fail", found, "read that worker's log", since, "jobctl ps")


def _killed(name: str, killed: Sequence[Death]) -> Check:
    last = killed[-1]
    found = f"a process of worker {name} was killed from outside, most likely for memory, at {last.memory_mb:.0f} MB"
    jobs = f" while it ran {listed(last.jobs)}" if last.jobs else ""
    command = f"jobctl job show {last.jobs[0]}" if last.jobs else "jobctl ps"
    advice = "give such jobs `isolate: true` and `memory:`, or the machine more memory"
    return Check("memory of workers", "warn", found + jobs, advice, clock.to_datetime(killed[0].at_ms), command)
