"""15: a flood behind a rate limit, over four worker processes of which two are killed now and then."""

from __future__ import annotations

import random
import time

from tests.chaos.arena import Arena
from tests.chaos.ledger import BEGAN
from tests.chaos.scenario import Check, Finding, Scenario, consistent, exactly, paced, within

THREADS = 4
PAST_S = 5.0
CATALOG = """\
version: 1
namespace: chaos
jobs:
  work: {python: "tests.chaos.tasks:work"}
  ten: {python: "tests.chaos.tasks:work", rate_limit: 10/s}
  twenty: {python: "tests.chaos.tasks:work", rate_limit: 20/s}
"""
RATES = {"ten": 10, "twenty": 20}


def run(world: Arena, job_type: str, jobs: int, kill_every_s: float, late: float, seed: int) -> Finding:
    dice, rate = random.Random(seed), RATES[job_type]
    flood = world.send(job_type, jobs, seconds=0.2)
    free = world.send("work", 20)
    world.worker(processes=2, threads=THREADS)
    doomed = world.worker(processes=2, threads=THREADS)
    kills, deadline = 0, time.monotonic() + 2 * jobs / rate + 30
    while not world.settle(kill_every_s) and time.monotonic() < deadline:
        if children := doomed.children():
            dice.choice(children).kill()
            kills += 1
    starts = world.ledger.starts(flood)
    more, lost = _attempts(world, flood)
    past = max(world.ledger.starts(free), default=None)
    checks = [
        exactly("dead-lettered", len(world.dead()), 0),
        Check(
            f"attempts beyond the first {more}, lost with {kills} killed processes {lost} (seed {seed})",
            kills > 0 and more == lost <= kills * THREADS,
        ),
        paced("limited", starts, rate, 1.0),
        paced("limited", starts, rate, 10.0),
        within("from the first start to the last", _took(world, flood), len(starts) / rate * (1 + late)),
        within("20 unlimited jobs behind them had started after", past and past - starts[0], PAST_S),
        consistent(world),
    ]
    return Finding(repeats=kills * THREADS, checks=checks)


def _attempts(world: Arena, jobs: list[str]) -> tuple[int, int]:
    """How many attempts there were beyond one a job, and how many of all were lost with their process."""
    found = [job for at in range(0, len(jobs), 500) for job in world.store.jobs.locate("default", jobs[at : at + 500])]
    detailed = world.store.jobs.details("default", found)
    lost = sum(attempt.outcome == "lost" for job in detailed for attempt in job.attempts)
    return sum(job.record.count for job in found) - len(jobs), lost


def _took(world: Arena, jobs: list[str]) -> float | None:
    """Seconds from the first start to that of the job that started last; None if one never did."""
    first = {line.job: line.at for line in reversed(world.ledger.lines(BEGAN))}
    at = [first[job] for job in jobs if job in first]
    return max(at) - min(at) if len(at) == len(jobs) else None


SCENARIO = Scenario(
    15,
    "a flood at a rate limit, SIGKILLs",
    run,
    quick={"job_type": "twenty", "jobs": 200, "kill_every_s": 2.5, "late": 0.5, "seed": 15},
    long={"job_type": "ten", "jobs": 5_000, "kill_every_s": 7.0, "late": 0.02, "seed": 15},
    catalog=CATALOG,
)
