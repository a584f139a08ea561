"""1: SIGTERM of four workers under one-second jobs."""

from __future__ import annotations

import time

from tests.chaos.arena import Arena, until
from tests.chaos.ledger import DONE
from tests.chaos.scenario import Check, Finding, Scenario, within

EXIT_S = 12.0


def run(world: Arena, jobs: int, threads: int) -> Finding:
    workers = [world.worker(processes=1, threads=threads, grace_s=10) for _ in range(4)]
    world.send("work", jobs, seconds=1.0)
    until(lambda: world.ledger.count(DONE) >= threads, 20)
    running = len(world.ledger.running())
    began = time.monotonic()
    for worker in workers:
        worker.term()
    codes = [worker.wait(EXIT_S * 2) for worker in workers]
    took = time.monotonic() - began
    held = sum(len(world.store.processes.reservations(queue)) for queue in world.queues())
    world.worker(processes=2, threads=2 * threads)
    world.settle(jobs / threads + 30)
    checks = [
        within("exited after", took, EXIT_S),
        Check(f"exit codes {codes}", codes == [0, 0, 0, 0]),
        Check(f"reservations left behind {held}", held == 0),
    ]
    return Finding(repeats=running, checks=checks)


SCENARIO = Scenario(
    1,
    "SIGTERM of 4 workers under one-second jobs",
    run,
    quick={"jobs": 200, "threads": 8},
    long={"jobs": 1_000, "threads": 8},
)
