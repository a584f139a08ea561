"""18: pauses under which workers start, wait quietly and leave, and which end while nobody is there."""

from __future__ import annotations

import time

from tests.chaos.arena import Arena, until
from tests.chaos.scenario import Check, Finding, Scenario, consistent, exactly, within

FAR = "tomorrow 09:00"
QUIET = 10.0
LATE_S, PROMPT_S = 5.0, 1.5
CATALOG = """\
version: 1
namespace: chaos
jobs:
  work: {python: "tests.chaos.tasks:work"}
  typed: {python: "tests.chaos.tasks:work"}
  queued: {python: "tests.chaos.tasks:work", queue: side}
"""


def run(world: Arena, jobs: int, quiet_s: float, away_s: float) -> Finding:
    world.must("queue", "pause", "side", "--type", "typed", "--until", FAR)
    world.must("queue", "pause", "--all", "--until", FAR)
    held = world.send("typed", jobs) + world.send("queued", jobs)
    worker = world.worker(processes=1, threads=8)
    all_paused = _commands_a_second(world, quiet_s)
    world.must("queue", "resume", "--all")
    until(lambda: world.store.client.zcard(world.store.keys.limited("default")) == jobs, 20)
    some_paused = _commands_a_second(world, quiet_s)
    code = worker.stop()
    began = len(world.ledger.starts(held))
    ends = world.pause("side", "--type", "typed", for_s=2.0)
    time.sleep(max(0.0, ends + away_s - time.monotonic()))
    world.worker(processes=1, threads=8)
    ready = time.monotonic()
    world.settle(30)
    late = world.ledger.starts(held)
    ends = world.pause("--all", for_s=3.0)
    awaited = world.send("work", jobs)
    world.settle(30)
    prompt = world.ledger.starts(awaited)
    checks = [
        _quiet("everything is paused", all_paused),
        _quiet("its queue and its type are paused", some_paused),
        Check(f"exit code of the paused worker {code}", code == 0),
        exactly("began while paused", began + sum(at < ends for at in prompt), 0),
        within(
            "pauses that ended unattended: began after a worker was there",
            late[-1] - ready if len(late) == len(held) else None,
            LATE_S,
        ),
        within(
            "a pause that a worker waited out: began after its end",
            prompt[-1] - ends if len(prompt) == jobs else None,
            PROMPT_S,
        ),
        consistent(world),
    ]
    return Finding(checks=checks)


def _commands_a_second(world: Arena, seconds: float) -> float:
    """What the server is asked, commands within scripts included; but for the question itself."""
    before, began = _commands(world), time.monotonic()
    time.sleep(seconds)
    return (_commands(world) - before - 1) / (time.monotonic() - began)


def _commands(world: Arena) -> int:
    return sum(row["calls"] for row in world.store.client.info("commandstats").values())


def _quiet(what: str, measured: float) -> Check:
    return Check(f"commands of a worker while {what}: {measured:.1f}/s, at most {QUIET:g}", measured <= QUIET)


SCENARIO = Scenario(
    18,
    "pauses that end with nobody there",
    run,
    quick={"jobs": 50, "quiet_s": 4.0, "away_s": 1.0},
    long={"jobs": 1_000, "quiet_s": 30.0, "away_s": 60.0},
    catalog=CATALOG,
)
