"""16: jobs with limits of concurrency while worker processes, and once a whole host, are killed."""

from __future__ import annotations

import json
import math
import random
import time

from tests.chaos.arena import Arena, until
from tests.chaos.ledger import most_at_once
from tests.chaos.scenario import Check, Finding, Scenario, consistent, exactly, within
from tests.chaos.workers import Worker

KEYS = ("a", "b", "c")
MOST = 3
THREADS = 4
HOST_S = 30.0
CATALOG = f"""\
version: 1
namespace: chaos
jobs:
  three: {{python: "tests.chaos.tasks:work", concurrency: {MOST}}}
  single: {{python: "tests.chaos.tasks:keyed", concurrency: {{max: 1, key: "{{{{ key }}}}"}}}}
"""


def run(world: Arena, each: int, seconds: float, kills: int, kill_every_s: float, seed: int) -> Finding:
    dice, killed = random.Random(seed), dict[int, float]()
    host, survivor = (world.worker(processes=2, threads=THREADS, ready=False) for _ in range(2))
    for worker in (host, survivor):
        worker.wait_ready()
    three = world.send("three", each, seconds=seconds)
    single: dict[str, list[str]] = {key: [] for key in KEYS}
    for _ in range(each // len(KEYS)):
        for key in KEYS:
            single[key] += world.send("single", key=key, seconds=seconds)
    until(lambda: _runs_on(world, host), 20)
    struck = _runs_on(world, host)
    at = time.monotonic()
    killed.update({child.pid: at for child in host.children()})
    host.kill()
    workers = [survivor, world.worker(processes=2, threads=THREADS)]
    for _ in range(kills):  # the first while the slots of the host are still taken
        _kill_child(dice, workers, killed)
        time.sleep(kill_every_s)
    world.settle(2 * each * seconds / MOST + 60)
    again = [next((began for began in world.ledger.starts([job]) if began > at), math.inf) for job in struck]
    peaks = {key: most_at_once(world.ledger.spans(jobs, killed)) for key, jobs in single.items()}
    checks = [
        exactly("most at once of the type", most_at_once(world.ledger.spans(three, killed)), MOST),
        Check(f"most at once of each key {peaks}, at most 1", set(peaks.values()) == {1}),
        within(f"{len(struck)} jobs of the killed host ran again after", max(again, default=math.inf) - at, HOST_S),
        _no_slot_leaked(world),
        consistent(world),
        Check(f"{kills} processes and 1 host killed (seed {seed})", True),
    ]
    return Finding(repeats=(kills + 1) * (MOST + len(KEYS)), checks=checks)


def _kill_child(dice: random.Random, workers: list[Worker], killed: dict[int, float]) -> None:
    """Kill a worker process. Its jobs count up to just before: what was recovered may run from then on."""
    if children := [child for worker in workers for child in worker.children()]:
        child = dice.choice(children)
        killed[child.pid] = time.monotonic()
        child.kill()


def _runs_on(world: Arena, host: Worker) -> list[str]:
    """The jobs that a host's processes run."""
    pids, running = {child.pid for child in host.children()}, world.ledger.running()
    latest = {line.job: line.pid for line in world.ledger.lines()}
    return [job for job in running if latest[job] in pids]


def _no_slot_leaked(world: Arena) -> Check:
    slots = world.store.client.hgetall(world.store.keys.of_limits("default", "slots"))
    listed = {row["name"]: row["used"] or row["waiting"] for row in json.loads(world.must("limit", "ls", "-o", "json"))}
    return Check(f"slots still taken {slots}, in the list {listed}", not slots and listed == {"single": 0, "three": 0})


SCENARIO = Scenario(
    16,
    "limits of concurrency, SIGKILLs",
    run,
    quick={"each": 30, "seconds": 0.3, "kills": 3, "kill_every_s": 1.0, "seed": 16},
    long={"each": 600, "seconds": 0.5, "kills": 20, "kill_every_s": 3.0, "seed": 16},
    catalog=CATALOG,
)
