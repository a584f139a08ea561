"""9: a job due in a second behind ten thousand that are due in an hour."""

from __future__ import annotations

import time

from tests.chaos.arena import Arena, until
from tests.chaos.ledger import BEGAN
from tests.chaos.scenario import Finding, Scenario, within
from tests.chaos.stock import StockArena

LIMIT_S = 1.1


def run(world: Arena, far: int) -> Finding:
    world.worker(processes=1, threads=8)
    later = world.send("work", far, delay=3600.0)
    sent = time.monotonic()
    (soon,) = world.send("work", delay=1.0)
    until(lambda: soon in world.ledger.done(), 30)
    began = next((line.at - sent for line in world.ledger.lines(BEGAN) if line.job == soon), None)
    early = len(world.ledger.done() & set(later))
    world.store.jobs.cancel("default", [(job, b"", "") for job in later], running=False)
    world.accepted = [soon]
    return Finding(checks=[within(f"began ({early} too early) after", began, LIMIT_S)])


def stock(world: StockArena, far: int) -> Finding:
    world.worker(processes=1, threads=8)
    world.send("work", far, delay=3600.0)
    sent = time.monotonic()
    (soon,) = world.send("work", delay=1.0)
    until(lambda: soon in world.ledger.done(), 10)
    began = next((line.at - sent for line in world.ledger.lines(BEGAN) if line.job == soon), None)
    world.accepted = [soon]
    return Finding(checks=[within("began (waited for 10 s) after", began, LIMIT_S)])


SCENARIO = Scenario(
    9,
    "one second behind 10,000 hours",
    run,
    quick={"far": 10_000},
    long={"far": 10_000},
    stock=stock,
    stock_is_quick=True,
)
