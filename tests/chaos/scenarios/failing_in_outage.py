"""4: jobs that fail while the server is away: every failure counts, none is lost, none is a success."""

from __future__ import annotations

import time

from tests.chaos.arena import Arena, until
from tests.chaos.ledger import BEGAN, FAILED
from tests.chaos.scenario import Check, Finding, Scenario, exactly
from tests.chaos.stock import StockArena

THREADS = 25


def run(world: Arena, outage_s: float) -> Finding:
    flag = world.folder / "away"
    flag.touch()
    for _ in range(2):
        world.worker(processes=2, threads=THREADS)
    doomed = world.send("mortal-fail", 50, flag=str(flag), seconds=outage_s / 2)
    retried = world.send("fail-while", 50, flag=str(flag), seconds=outage_s / 2)
    until(lambda: world.ledger.count(BEGAN) == 100, 20)
    world.server.kill()
    began = time.monotonic()
    until(lambda: world.ledger.count(FAILED) == 100, outage_s)
    failed = len(world.ledger.lines(FAILED))
    flag.unlink()
    time.sleep(max(0.0, outage_s - (time.monotonic() - began)))
    world.server.start()
    world.settle(60 + outage_s)
    mistaken = world.log_says("from a dead worker")
    checks = [
        exactly("failed during the outage", failed, 100),
        exactly("dead-lettered", len(world.dead() & set(doomed)), 50),
        exactly("retried and done", len(world.ledger.done() & set(retried)), 50),
        Check(f"recovered by mistake {mistaken}", mistaken == 0),
    ]
    return Finding(checks=checks)


def stock(world: StockArena, outage_s: float) -> Finding:
    flag = world.folder / "away"
    flag.touch()
    for _ in range(2):
        world.worker(processes=2, threads=THREADS)
    world.send("mortal_fail", 50, flag=str(flag), seconds=outage_s / 2)
    world.send("fail_while", 50, flag=str(flag), seconds=outage_s / 2)
    until(lambda: world.ledger.count(BEGAN) == 100, 20)
    world.server.kill()
    began = time.monotonic()
    until(lambda: world.ledger.count(FAILED) == 100, outage_s)
    flag.unlink()
    time.sleep(max(0.0, outage_s - (time.monotonic() - began)))
    world.server.start()
    world.settle(60)
    return Finding(checks=[exactly("done or dead-lettered", len(world.ledger.done() | world.dead()), 100)])


SCENARIO = Scenario(
    4,
    "100 jobs fail during an outage",
    run,
    quick={"outage_s": 16.0},
    long={"outage_s": 40.0},
    options={"appendfsync": "always"},
    stock=stock,
)
