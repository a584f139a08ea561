"""17: the server killed and restarted under limits set by hand, pauses, unique keys, cancels, and jobs in lanes."""

from __future__ import annotations

import time
from collections import Counter

from tests.chaos.arena import Arena, until
from tests.chaos.ledger import BEGAN
from tests.chaos.scenario import Check, Finding, Scenario, consistent, exactly, paced, within

KEYS = ("a", "b")
BY_HAND = 5
LATE_S = 5.0
CATALOG = """\
version: 1
namespace: chaos
defaults: {timeout: 5m}
jobs:
  long: {python: "tests.chaos.tasks:work", queue: long}
  queued: {python: "tests.chaos.tasks:work", queue: held}
  single: {python: "tests.chaos.tasks:keyed", queue: held, unique: {key: "{{ key }}"}}
  typed: {python: "tests.chaos.tasks:work"}
  laned:
    python: "tests.chaos.tasks:keyed"
    queue: lanes
    rate_limit: {rate: 1/h, key: "{{ key }}"}
    concurrency: {max: 1, key: "{{ key }}"}
"""


def run(world: Arena, each: int, gap_s: float) -> Finding:
    worker = world.worker(processes=1, threads=8)
    [stopped, going] = world.send("long", seconds=120.0) + world.send("long", seconds=2.0)
    until(lambda: world.ledger.running() == {stopped, going}, 20)
    world.must("queue", "pause", "held", "--type", "typed")
    typed, queued = world.send("typed", each), world.send("queued", each)
    until(lambda: _limited(world) == each, 20)
    world.must("queue", "pause", "--all")
    laned = {key: _lane(world, key, each) for key in KEYS}
    world.must("limit", "set", "laned", "--rate", f"{BY_HAND}/s", "--for", "1h")
    holder = world.must("enqueue", "single", "key=a")
    world.accepted.append(holder)
    [child] = worker.children()
    child.suspend()
    _restart(world)  # now it has no subscription: it can learn of the cancel only from what the server kept
    world.must("job", "cancel", stopped, "--timeout", "0s")
    world.accepted.remove(stopped)
    waits = {"held": [*queued, holder], "typed": typed, "everything": [i for ids in laned.values() for i in ids]}
    ends = {
        "held": world.pause("held", for_s=gap_s + 5),
        "typed": world.pause("--type", "typed", for_s=gap_s + 5),
        "everything": world.pause("--all", for_s=gap_s),
    }
    _restart(world)
    back = time.monotonic()
    child.resume()
    again = world.must("enqueue", "single", "key=a")
    until(lambda: len(world.ledger.starts(waits["everything"])) >= each, gap_s + 30)
    _restart(world)
    world.settle(each / BY_HAND + 60)
    checks = [
        within("the server was back", back - ends["everything"] + gap_s, gap_s),
        *(_when(world, name, ends[name], waits[name], first_only=name == "everything") for name in ends),
        Check("lanes in their order", all(_order(world, jobs) == jobs for jobs in laned.values())),
        *(paced(f"limited by hand, {key}", world.ledger.starts(jobs), BY_HAND, 1.0) for key, jobs in laned.items()),
        Check(f"the unique key is held by {again}, and was by {holder}", again == holder),
        Check(f"cancelled: {_state(world, stopped)}; beside it: {_state(world, going)}", _ended(world, stopped, going)),
        exactly("attempts that failed or were lost", _unhappy(world), 0),
        consistent(world),
    ]
    return Finding(checks=checks)


def _restart(world: Arena) -> None:
    world.server.kill()
    world.server.start()


def _limited(world: Arena) -> int:
    return int(world.store.client.zcard(world.store.keys.limited("default")))


def _lane(world: Arena, key: str, each: int) -> list[str]:
    """Jobs of one key in the order in which they are to start: the last of them is sent with a high priority."""
    waiting = [job for _ in range(each - 1) for job in world.send("laned", key=key)]
    return world.send("laned", priority="high", key=key) + waiting


def _order(world: Arena, jobs: list[str]) -> list[str]:
    return [line.job for line in world.ledger.lines(BEGAN) if line.job in jobs]


def _when(world: Arena, name: str, ended: float, jobs: list[str], *, first_only: bool) -> Check:
    """Nothing that was paused began before the pause had ended, and all that no limit holds began soon after."""
    starts = world.ledger.starts(jobs)
    early = sum(at < ended for at in starts)
    if early or len(starts) < len(jobs):
        return Check(f"{name}: {early} of {len(jobs)} began while paused, {len(jobs) - len(starts)} never", False)
    return within(f"{name}: none began while paused; after it", starts[0 if first_only else -1] - ended, LATE_S)


def _state(world: Arena, job: str) -> str:
    found = world.store.jobs.find(job)
    return found.state if found else "gone"


def _ended(world: Arena, stopped: str, going: str) -> bool:
    states = (_state(world, stopped), _state(world, going))
    return states == ("cancelled", "completed") and stopped not in world.ledger.done()


def _unhappy(world: Arena) -> int:
    outcomes = Counter[str]()
    for queue in world.queues():
        found = world.store.jobs.locate(queue, [job for job in world.accepted if job])
        for job in world.store.jobs.details(queue, found):
            outcomes.update(attempt.outcome for attempt in job.attempts)
    return outcomes.total() - outcomes["completed"]


SCENARIO = Scenario(
    17,
    "limits, pauses, keys, cancels over restarts",
    run,
    quick={"each": 10, "gap_s": 6.0},
    long={"each": 100, "gap_s": 30.0},
    catalog=CATALOG,
    options={"appendfsync": "always"},
)
