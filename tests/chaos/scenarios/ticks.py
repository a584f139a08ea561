"""19: a schedule every second, three schedulers of which one is killed every five seconds, Redis restarted twice."""

from __future__ import annotations

import subprocess
import sys
import time

from jobctl.store.nouns.ticks import TickRow
from tests.chaos.arena import CATALOG, Arena, until
from tests.chaos.scenario import Check, Finding, Scenario, exactly

KILL_S = 5.0
SCHEDULES = """\
schedules:
  all: {job: work, every: 1s, catch_up: all}
  none: {job: work, every: 1s}
"""


def run(world: Arena, seconds: float) -> Finding:
    world.worker(processes=1, threads=8)
    schedulers = [_scheduler(world, number) for number in range(3)]
    began, kills = time.monotonic(), 0
    restarts = [began + seconds / 3, began + 2 * seconds / 3]
    try:
        while time.monotonic() < began + seconds:
            time.sleep(KILL_S)
            schedulers[kills % 3].kill()
            schedulers[kills % 3].wait()
            schedulers[kills % 3] = _scheduler(world, kills % 3)
            kills += 1
            if restarts and time.monotonic() >= restarts[0]:
                restarts.pop(0)
                world.server.kill()
                world.server.start()
        last = max(row.due_ms for row in _rows(world, "all"))
        until(lambda: _rows(world, "all")[-1].due_ms > last + 2_000, 30.0, 0.2)
    finally:
        for scheduler in schedulers:
            scheduler.kill()
            scheduler.wait()
    world.accepted = [row.job for name in ("all", "none") for row in _rows(world, name) if row.job]
    world.settle(60.0)
    return Finding(repeats=2 * 8, checks=_checks(world, kills))


def _checks(world: Arena, kills: int) -> list[Check]:
    """Each instant is a tick of `all` that was enqueued, once; of `none` each is noted with what became of it."""
    checks = []
    for name in ("all", "none"):
        rows = _rows(world, name)
        due = [row.due_ms for row in rows]
        wanted = list(range(due[0], due[-1] + 1, 1_000))
        checks.append(exactly(f"{name}: ticks noted, {kills} kills,", len({*due} & {*wanted}), len(wanted)))
        checks.append(Check(f"{name}: {len(due) - len({*due})} ticks noted twice", len(due) == len({*due})))
    enqueued = [row for row in _rows(world, "all") if row.job]
    checks.append(exactly("all: ticks enqueued", len(enqueued), len(_rows(world, "all"))))
    began = {line.job for line in world.ledger.lines("began")}
    known = {*world.accepted}
    checks.append(Check(f"{len(began - known)} jobs that no tick knows", not began - known))
    return checks


def _rows(world: Arena, name: str) -> list[TickRow]:
    """The history, the oldest first."""
    return world.store.ticks.history(name, limit=10_000)[::-1]


def _scheduler(world: Arena, number: int) -> subprocess.Popen[bytes]:
    with (world.folder / f"scheduler-{number}.log").open("ab") as out:
        return subprocess.Popen(
            [sys.executable, "-m", "jobctl", "scheduler", "--log-format", "json"],
            cwd=world.folder, env=world.environment(), stdin=subprocess.DEVNULL, stdout=out, stderr=out,
        )  # fmt: skip


SCENARIO = Scenario(
    19,
    "a tick a second, schedulers killed, Redis restarted",
    run,
    quick={"seconds": 40.0},
    long={"seconds": 600.0},
    catalog=CATALOG + SCHEDULES,
    options={"appendfsync": "always"},
)
