"""6: random SIGKILLs of worker processes and hosts, and restarts of the server, under thousands of jobs."""

from __future__ import annotations

import random
import time

from tests.chaos.arena import Arena
from tests.chaos.scenario import Check, Finding, Scenario, within
from tests.chaos.workers import Worker

THREADS = 8


def run(world: Arena, jobs: int, seconds: int, quiet_s: float, seed: int) -> Finding:
    dice = random.Random(seed)
    workers = [world.worker(processes=1, threads=THREADS) for _ in range(4)]
    world.send("work", jobs, seconds=seconds * len(workers) * THREADS * 0.7 / jobs)
    kills = hosts = 0
    restarts = {seconds // 3, 2 * seconds // 3}
    for second in range(seconds):
        started = time.monotonic()
        if second in restarts:
            world.server.kill()
            time.sleep(0.5)
            world.server.start()
        if dice.random() < 0.1:
            hosts += _kill_host(world, workers, dice)
        else:
            kills += _kill_child(workers, dice)
        time.sleep(max(0.0, 1.0 - (time.monotonic() - started)))
    ended = time.monotonic()
    world.settle(quiet_s * 3)
    quiet = time.monotonic() - ended
    done = Check(f"{kills} processes and {hosts} hosts killed, {len(restarts)} restarts (seed {seed})", True)
    # a killed process repeats what it ran, what it had fetched ahead, and what it had finished but not yet told
    return Finding(repeats=_in_flight(world, kills + hosts), checks=[done, within("quiet after", quiet, quiet_s)])


def _in_flight(world: Arena, deaths: int) -> int:
    return deaths * 2 * THREADS


def _kill_child(workers: list[Worker], dice: random.Random) -> int:
    children = [child for worker in workers for child in worker.children()]
    if children:
        dice.choice(children).kill()
    return len(children) > 0


def _kill_host(world: Arena, workers: list[Worker], dice: random.Random) -> int:
    place = dice.randrange(len(workers))
    workers[place].kill()
    workers[place] = world.worker(processes=1, threads=THREADS, ready=False)
    return 1


SCENARIO = Scenario(
    6,
    "random SIGKILLs, two server restarts",
    run,
    quick={"jobs": 3_000, "seconds": 12, "quiet_s": 60, "seed": 7},
    long={"jobs": 10_000, "seconds": 30, "quiet_s": 60, "seed": 7},
    options={"appendfsync": "always"},
)
