"""2: rolling restarts under a steady load of jobs that are shorter than the grace."""

from __future__ import annotations

import threading
import time

from tests.chaos.arena import Arena
from tests.chaos.scenario import Check, Finding, Scenario


def run(world: Arena, restarts: int, rate: int) -> Finding:
    workers = [world.worker(processes=1, threads=8) for _ in range(2)]
    stop = threading.Event()
    load = threading.Thread(target=_load, args=(world, rate, stop))
    load.start()
    codes = []
    for number in range(restarts):
        fresh = world.worker(processes=1, threads=8)
        codes.append(workers[number % 2].stop())
        workers[number % 2] = fresh
    stop.set()
    load.join()
    world.settle(30)
    return Finding(checks=[Check(f"exit codes {codes}", codes == [0] * restarts)])


def _load(world: Arena, rate: int, stop: threading.Event) -> None:
    next_at = time.monotonic()
    while not stop.is_set():
        world.send("work", rate // 10, seconds=0.05)
        next_at += 0.1
        time.sleep(max(0.0, next_at - time.monotonic()))


SCENARIO = Scenario(
    2,
    "rolling restarts under 100 jobs/s",
    run,
    quick={"restarts": 5, "rate": 100},
    long={"restarts": 10, "rate": 100},
)
