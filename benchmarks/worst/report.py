"""Runs the cases and makes the table."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import msgspec
import redis

from benchmarks.worst.cases import CASES, Case
from benchmarks.worst.stopwatch import Stopwatch
from benchmarks.worst.world import World
from jobctl.store import Store

REPEATS = 5
BOUND_MS = 5.0


HEAD = ("| script | at worst | ms | ms, at its worst |", "| --- | --- | ---: | ---: |")


class Cost(msgspec.Struct, frozen=True):
    """What the longest call of a case cost Redis (ms): each at its best of several tries, and at its worst.

    The best is what it costs: what shares the machine (its caches, its memory) makes a call longer, never shorter.
    """

    case: Case
    least_ms: float
    longest_ms: float


def measure(client: redis.Redis, pid: int, size: int, only: str | None = None) -> Iterator[Cost]:
    """The cost of every case as it is measured, on top of a crowd of `size` jobs. The database is used up."""
    client.flushdb()
    store = Store(client, "worst")
    watch = store._runner = Stopwatch(client, pid)
    world = World(store, size)
    with without_log(client):
        world.crowd()
    for case in CASES:
        if only in (None, case.script):
            yield _cost(world, watch, case)


@contextmanager
def without_log(client: redis.Redis) -> Iterator[None]:
    """Redis writes no append-only file meanwhile, if it writes one otherwise; and it rewrites none later: a fork makes
    every write of what it shares dearer."""
    [before] = client.config_get("appendonly").values()
    client.config_set("appendonly", "no")
    try:
        yield
    finally:
        client.config_set("auto-aof-rewrite-percentage", 0)
        client.config_set("appendonly", before)
        while any(client.info("persistence")[f"aof_rewrite_{state}"] for state in ("scheduled", "in_progress")):
            time.sleep(0.1)


def _cost(world: World, watch: Stopwatch, case: Case) -> Cost:
    tries: list[list[float]] = []
    for _ in range(REPEATS):
        steps = case.steps(world)
        next(steps)
        watch.costs.clear()
        next(steps, None)
        tries.append(watch.costs[case.script])
    least = max(min(same) for same in zip(*tries, strict=False))  # each try makes the same calls
    return Cost(case, least, max(map(max, tries)))


def table(costs: Iterable[Cost]) -> str:
    """A Markdown table, the cases in their order."""
    return "\n".join([*HEAD, *map(row, costs)])


def row(cost: Cost) -> str:
    """A line of the table. What is over the bound is bold."""
    least = f"**{cost.least_ms:.1f}**" if cost.least_ms > BOUND_MS else f"{cost.least_ms:.1f}"
    return f"| `{cost.case.script}` | {cost.case.what} | {least} | {cost.longest_ms:.1f} |"
