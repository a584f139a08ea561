"""12: workers that look dead and are not: long jobs, a held interpreter, stopped processes, a wrong clock."""

from __future__ import annotations

import signal
import time
from collections import Counter

from tests.chaos.arena import Arena, until
from tests.chaos.ledger import BEGAN
from tests.chaos.scenario import Check, Finding, Scenario, exactly, within
from tests.chaos.workers import Worker

CATALOG = """\
version: 1
namespace: chaos
defaults: {timeout: 10m}
jobs:
  long: {python: "tests.chaos.tasks:work", queue: long}
  hold-gil: {python: "tests.chaos.tasks:hold_gil", queue: gil}
  stopped: {python: "tests.chaos.tasks:work", queue: stopped}
  skewed: {python: "tests.chaos.tasks:work", queue: skewed}
  host: {python: "tests.chaos.tasks:work", queue: host}
  headless: {python: "tests.chaos.tasks:work", queue: headless}
"""
SHIFT = """\
import time
_time, _ns = time.time, time.time_ns
time.time = lambda: _time() + 300.0
time.time_ns = lambda: _ns() + 300_000_000_000
"""
"""A clock five minutes ahead, for all that asks Python for the time."""

LEASE_S, RERUN_S = 16.0, 30.0


def run(world: Arena, long_s: float, frozen_s: float) -> Finding:
    skew = world.folder / "skew"
    skew.mkdir()
    (skew / "sitecustomize.py").write_text(SHIFT)
    for queue in ("long", "gil"):
        world.worker(threads=4, queues=queue)
    stopped = world.worker(threads=2, queues="stopped")
    world.worker(threads=2, queues="skewed", path=str(skew))
    host, headless = (world.worker(threads=2, queues=queue) for queue in ("host", "headless"))
    innocent = world.send("long", 4, seconds=long_s) + world.send("hold-gil", seconds=int(frozen_s))
    innocent += world.send("stopped", 2, seconds=frozen_s / 2) + world.send("skewed", 2, seconds=frozen_s)
    taken = world.send("host", 2, seconds=4.0) + world.send("headless", 2, seconds=frozen_s - 5)
    until(lambda: len(world.ledger.running()) == len(innocent) + len(taken), 20)
    halted = [*stopped.children(), *host.children()]
    for child in halted:
        child.suspend()
    for worker in (host, headless):
        worker.signal(signal.SIGSTOP)
    frozen_at = time.monotonic()
    world.worker(threads=4, queues="host,headless")
    time.sleep(max(0.0, LEASE_S - (time.monotonic() - frozen_at)))
    innocent += [job for _ in range(20) for job in world.send("headless", seconds=0.2)]
    rerun = until(lambda: _began_again(world, taken), 30)
    rerun_s = time.monotonic() - frozen_at
    time.sleep(max(0.0, frozen_s - (time.monotonic() - frozen_at)))
    for worker in (host, headless):
        worker.signal(signal.SIGCONT)
    for child in halted:
        child.resume()
    world.settle(long_s + 30)
    until(lambda: _late(host) == 2 and _late(headless) == 2, 15)
    attempts = [found.record.count for queue in ("host", "headless") for found in world.store.jobs.locate(queue, taken)]
    checks = [
        exactly("falsely taken for dead, of those that were alive:", world.ledger.repeats(innocent), 0),
        within("jobs of the stopped host and the stopped supervisor rerun after", rerun_s if rerun else None, RERUN_S),
        Check(f"late ends without effect, and said so: {_late(host) + _late(headless)}", _late(host) == 2),
        Check(f"attempts on record {attempts}: the lost one and the one that counts", attempts == [2] * 4),
    ]
    return Finding(repeats=len(taken), checks=checks)


def _began_again(world: Arena, jobs: list[str]) -> bool:
    began = Counter(line.job for line in world.ledger.lines(BEGAN))
    return all(began[job] == 2 for job in jobs)


def _late(worker: Worker) -> int:
    return worker.log.read_text().count("its result is ignored")


SCENARIO = Scenario(
    12,
    "slow, frozen, skewed, but alive",
    run,
    quick={"long_s": 38.0, "frozen_s": 35.0},
    long={"long_s": 180.0, "frozen_s": 90.0},
    catalog=CATALOG,
)
