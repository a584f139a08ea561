"""3: the server away for five seconds with two thousand delayed jobs pending."""

from __future__ import annotations

import time

from tests.chaos.arena import Arena
from tests.chaos.ledger import BEGAN
from tests.chaos.scenario import Check, Finding, Scenario, within
from tests.chaos.stock import StockArena

LATE_S = 15.0


def run(world: Arena, jobs: int, away_s: float) -> Finding:
    world.worker(processes=2, threads=8)
    due = {}
    for part in range(20):
        delay = 2.0 + part * 0.5
        sent = time.monotonic()
        for job in world.send("work", jobs // 20, delay=delay):
            due[job] = sent + delay
    time.sleep(2.0)
    world.server.stop()
    time.sleep(away_s)
    world.server.start()
    back = time.monotonic()
    world.settle(away_s + 60)
    began = {line.job: line.at for line in reversed(world.ledger.lines(BEGAN))}
    late = max((began[job] - max(at, back) for job, at in due.items() if job in began), default=None)
    early = min((began[job] - at for job, at in due.items() if job in began), default=0.0)
    return Finding(checks=[within(f"latest (earliest {early:.2f} s) after due or back", late, LATE_S)])


def stock(world: StockArena, jobs: int, away_s: float) -> Finding:
    world.worker(processes=2, threads=8)
    due = {}
    for part in range(20):
        delay = 2.0 + part * 0.5
        sent = time.monotonic()
        for job in world.send("work", jobs // 20, delay=delay):
            due[job] = sent + delay
    time.sleep(2.0)
    world.server.stop()
    time.sleep(away_s)
    world.server.start()
    back = time.monotonic()
    ran = world.settle(max(due.values()) + LATE_S - back)
    began = {line.job: line.at for line in reversed(world.ledger.lines(BEGAN))}
    late = max((began[job] - max(at, back) for job, at in due.items() if job in began), default=None)
    left = len(due) - len(began)
    return Finding(checks=[Check(f"{left} had not run in time, latest of the others {late} s", ran)])


SCENARIO = Scenario(
    3,
    "server away for 5 s, 2,000 delayed",
    run,
    quick={"jobs": 2_000, "away_s": 5.0},
    long={"jobs": 2_000, "away_s": 5.0},
    options={"appendfsync": "always"},
    stock=stock,
)
