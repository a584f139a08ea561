"""7: jobs that take their process with them, ignore SIGTERM, or cannot be interrupted; and their neighbours.

What the kernel does to a process that takes too much memory is done from outside at a bounded size: SIGKILL.
"""

from __future__ import annotations

import sys

from tests.chaos.arena import Arena, until
from tests.chaos.scenario import Check, Finding, Scenario, exactly

DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
CATALOG = f"""\
version: 1
namespace: chaos
defaults: {{timeout: 5m, retries: {{max: 0}}}}
jobs:
  work: {{python: "tests.chaos.tasks:work"}}
  grow: {{python: "tests.chaos.tasks:grow"}}
  leave: {{python: "tests.chaos.tasks:leave"}}
  deaf: {{command: ["{sys.executable}", "-c", "{DEAF}"], timeout: 2s}}
  sleep-in-c: {{python: "tests.chaos.tasks:sleep_in_c", timeout: 2s}}
  hold-gil: {{python: "tests.chaos.tasks:hold_gil", timeout: 2s}}
  grow-alone: {{python: "tests.chaos.tasks:grow", isolate: true}}
  leave-alone: {{python: "tests.chaos.tasks:leave", isolate: true}}
  hold-gil-alone: {{python: "tests.chaos.tasks:hold_gil", isolate: true, timeout: 2s}}
"""
REASONS = {
    "grow": "WorkerKilled", "leave": "WorkerKilled", "deaf": "Timeout", "sleep-in-c": "Timeout", "hold-gil": "Timeout",
    "grow-alone": "ProcessDied", "leave-alone": "ProcessDied", "hold-gil-alone": "Timeout",
}  # fmt: skip


def run(world: Arena, neighbours: int, each_s: float) -> Finding:
    world.worker(processes=2, threads=4)
    good = world.send("work", neighbours // 2, seconds=each_s)
    guilty = {
        **dict.fromkeys(world.send("grow"), "grow"),
        **dict.fromkeys(world.send("leave"), "leave"),
        **dict.fromkeys(world.send("deaf"), "deaf"),
        **dict.fromkeys(world.send("sleep-in-c", seconds=600), "sleep-in-c"),
        **dict.fromkeys(world.send("hold-gil", seconds=600), "hold-gil"),
        **dict.fromkeys(world.send("grow-alone"), "grow-alone"),
        **dict.fromkeys(world.send("leave-alone"), "leave-alone"),
        **dict.fromkeys(world.send("hold-gil-alone", seconds=600), "hold-gil-alone"),
    }
    good += world.send("work", neighbours - len(good), seconds=each_s)
    until(lambda: len(world.dead()) == len(guilty), 90, 0.2)
    world.settle(60)
    found = {letter.id: letter.record.error for page in world.store.jobs.scan("default", "dead") for letter in page}
    verdicts = {kind: found.get(job) for job, kind in guilty.items()}
    checks = [
        Check(f"reasons {verdicts}", verdicts == REASONS),
        exactly("neighbours done", len(world.ledger.done() & set(good)), len(good)),
        exactly("neighbours dead-lettered", len(world.dead() & set(good)), 0),
    ]
    # three deaths each of two killers, and one frozen process: each takes at most three neighbours with it
    return Finding(repeats=7 * 3 + 2 * 2, checks=checks)


SCENARIO = Scenario(
    7,
    "jobs that kill, ignore or block",
    run,
    quick={"neighbours": 40, "each_s": 0.5},
    long={"neighbours": 200, "each_s": 1.0},
    catalog=CATALOG,
)
