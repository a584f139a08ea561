"""Runs the cases and makes the table."""

from __future__ import annotations

import statistics
from collections.abc import Iterable

import msgspec
import redis

from benchmarks.worst.cases import CASES, Case
from benchmarks.worst.stopwatch import Stopwatch
from benchmarks.worst.world import World
from jobctl.store import Store

REPEATS = 5
BOUND_MS = 5.0


class Cost(msgspec.Struct, frozen=True):
    """What the calls of a case cost Redis (ms): the median of each repeat's longest call, and the longest of all."""

    case: Case
    calls: int
    median_ms: float
    longest_ms: float


def measure(client: redis.Redis, pid: int, size: int, only: str | None = None) -> list[Cost]:
    """The cost of every case, on top of a crowd of `size` jobs. The database is used up."""
    client.flushdb()
    store = Store(client, "worst")
    watch = store._runner = Stopwatch(client, pid)
    world = World(store, size)
    world.crowd()
    return [_cost(world, watch, case) for case in CASES if only in (None, case.script)]


def _cost(world: World, watch: Stopwatch, case: Case) -> Cost:
    longest, calls = [], 0
    for _ in range(REPEATS):
        steps = case.steps(world)
        next(steps)
        watch.costs.clear()
        next(steps, None)
        costs = watch.costs[case.script]
        longest.append(max(costs))
        calls += len(costs)
    return Cost(case, calls, statistics.median(longest), max(longest))


def table(costs: Iterable[Cost]) -> str:
    """A Markdown table, the worst state of each script first among its own."""
    lines = ["| script | at worst | ms, median | ms, longest |", "| --- | --- | ---: | ---: |"]
    lines += [f"| `{c.case.script}` | {c.case.what} | {c.median_ms:.1f} | {c.longest_ms:.1f} |" for c in costs]
    return "\n".join(lines)
