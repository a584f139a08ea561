"""20: SIGKILL of a process with hundreds of async jobs under way, then a job that blocks the event loop."""

from __future__ import annotations

import time

from tests.chaos.arena import CATALOG, Arena, until
from tests.chaos.ledger import BEGAN
from tests.chaos.scenario import Finding, Scenario, exactly, within

AGAIN_S, TOLD_S, MAX_BLOCK_S = 10.0, 3.0, 2.0
TYPES = f"""\
  wait: {{python: "tests.chaos.tasks:wait"}}
  block: {{python: "tests.chaos.tasks:block", retries: {{max: 0}}}}
worker: {{max_block: {MAX_BLOCK_S:g}s}}
"""


def run(world: Arena, jobs: int, seconds: float) -> Finding:
    worker = world.worker(processes=2, threads=1, async_jobs=jobs)
    first = world.send("wait", jobs, seconds=seconds)
    until(lambda: len(world.ledger.running()) == jobs, 20)
    running = len(world.ledger.running())
    victim = worker.children()[0]
    struck = {line.job for line in world.ledger.lines(BEGAN) if line.pid == victim.pid}
    at = time.monotonic()
    victim.kill()
    again_s = at_again(world, struck, at)
    world.settle(seconds + 30)
    second = world.send("wait", 50, seconds=1.0)
    [blocker] = world.send("block", seconds=60.0)
    at = time.monotonic()
    until(lambda: world.log_says("the event loop stands still"), 20)
    told_s = time.monotonic() - at
    until(lambda: (found := world.store.jobs.find(blocker)) is not None and found.state == "dead", 30)
    freed_s = time.monotonic() - at
    world.settle(30)
    found = world.store.jobs.find(blocker)
    checks = [
        exactly("running when their process was killed", running, jobs),
        within(f"{len(struck)} jobs of the killed process begun again after", again_s, AGAIN_S),
        exactly("done", len(world.ledger.done() & {*first, *second}), jobs + 50),
        within("the blocked loop was told after", told_s, TOLD_S),
        within("and turned again after", freed_s, MAX_BLOCK_S + TOLD_S),
        exactly("blockers that are dead as LoopBlocked", int(bool(found) and found.record.error == "LoopBlocked"), 1),
        exactly("processes that died", world.log_says("died:"), 1),
    ]
    worker.stop()
    return Finding(repeats=len(struck), checks=checks)


def at_again(world: Arena, jobs: set[str], at: float) -> float | None:
    """Seconds after `at` until the last of the jobs has begun again."""

    def again() -> dict[str, float]:
        return {line.job: line.at for line in world.ledger.lines(BEGAN) if line.job in jobs and line.at > at}

    return max(again().values()) - at if until(lambda: len(again()) == len(jobs), AGAIN_S * 3) else None


SCENARIO = Scenario(
    20,
    "SIGKILL with async jobs under way, and a job that blocks the loop",
    run,
    quick={"jobs": 500, "seconds": 6.0},
    long={"jobs": 500, "seconds": 20.0},
    catalog=CATALOG + TYPES,
)
