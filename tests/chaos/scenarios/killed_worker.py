"""5: SIGKILL of one worker process with 8 jobs running, then of a whole supervisor."""

from __future__ import annotations

import time

from tests.chaos.arena import Arena, until
from tests.chaos.ledger import BEGAN
from tests.chaos.scenario import Finding, Scenario, exactly, within

CHILD_S, HOST_S = 5.0, 30.0


def run(world: Arena, seconds: float, host_seconds: float) -> Finding:
    survivor = world.worker(processes=2, threads=8)
    first = world.send("work", 8, seconds=seconds)
    until(lambda: len(world.ledger.running()) == 8, 10)
    victims = [child for child in survivor.children() if _runs(world, child.pid)]
    struck = {line.job for line in world.ledger.lines(BEGAN) if line.pid == victims[0].pid}
    at = time.monotonic()
    victims[0].kill()
    child_s = _rerun(world, struck, at, CHILD_S * 4)
    world.settle(seconds + 20)
    doomed = world.worker(processes=2, threads=8)
    survivor.stop()
    second = world.send("work", 8, seconds=host_seconds)
    until(lambda: len(world.ledger.running()) == 8, 10)
    world.worker(processes=2, threads=8)
    running = len(world.ledger.running())
    at = time.monotonic()
    doomed.kill()
    host_s = _rerun(world, set(second), at, HOST_S * 3)
    world.settle(host_seconds + 30)
    checks = [
        exactly("running when their host was killed", running, 8),
        within(f"{len(struck)} jobs of a killed process rerun after", child_s, CHILD_S),
        within("8 jobs of a killed host rerun after", host_s, HOST_S),
        exactly("done", len(world.ledger.done() & {*first, *second}), 16),
    ]
    return Finding(repeats=len(struck) + 8, checks=checks)


def _runs(world: Arena, pid: int) -> bool:
    return any(line.pid == pid for line in world.ledger.lines(BEGAN))


def _rerun(world: Arena, jobs: set[str], at: float, timeout_s: float) -> float | None:
    """Seconds after `at` until the last of the jobs has begun again."""

    def again() -> dict[str, float]:
        return {line.job: line.at for line in world.ledger.lines(BEGAN) if line.job in jobs and line.at > at}

    return max(again().values()) - at if until(lambda: len(again()) == len(jobs), timeout_s) else None


SCENARIO = Scenario(
    5,
    "SIGKILL of a worker process, then of a host",
    run,
    quick={"seconds": 3.0, "host_seconds": 8.0},
    long={"seconds": 10.0, "host_seconds": 20.0},
)
