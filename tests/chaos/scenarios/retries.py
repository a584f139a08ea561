"""21: thousands of dead letters, two retries of all of them at once, both killed in the middle, and the server, too."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

from tests.chaos.arena import Arena, until
from tests.chaos.ledger import BEGAN
from tests.chaos.scenario import Check, Finding, Scenario, consistent, exactly

ALL = ("dead", "retry", "error~ConnectionError", "--yes", "--max", "1000000")


def run(world: Arena, letters: int, rate: str) -> Finding:
    flag = world.folder / "failing"
    flag.touch()
    carrier, _other = world.worker(processes=1, threads=8), world.worker(processes=1, threads=8)
    ids = world.send("mortal-fail", letters, flag=str(flag))
    until(lambda: len(world.dead()) == letters, 300)
    flag.unlink()
    world.must("queue", "pause", "default")  # what is retried waits, so that it can be counted
    name = world.must(*ALL, "--rate", rate, "--background", "-o", "name")
    until(lambda: _changed(world, name) > 0, 60)
    terminal = subprocess.Popen(
        [sys.executable, "-m", "jobctl", *ALL], cwd=world.folder, env=world.environment(), stderr=subprocess.DEVNULL
    )
    before = _changed(world, name)
    until(lambda: _waiting(world) > _changed(world, name) + 50 or terminal.poll() is not None, 60)
    in_the_middle = terminal.poll() is None
    terminal.kill()
    terminal.wait()
    carrier.kill()
    world.server.kill()
    world.server.start()
    row = world.store.operations.find(name)
    at_kill = row.state if row else "gone"
    until(lambda: (row := world.store.operations.find(name)) is not None and row.state == "done", 120)
    held = Counter(world.store.client.lrange(world.store.keys.ready("default"), 0, -1))
    row = world.store.operations.find(name)
    assert row is not None
    world.must("queue", "resume", "default")
    world.settle(300)
    runs = Counter(line.job for line in world.ledger.lines(BEGAN) if line.job in set(ids))
    checks = [
        Check(f"released when the terminal began: {before} of {letters}", 0 < before < letters),
        Check("the terminal was killed before its end", in_the_middle),
        Check(
            f"the operation, when the server was back: {at_kill}, so others had to carry it on", at_kill == "running"
        ),
        exactly("waiting once", sum(count == 1 for count in held.values()), letters),
        exactly("waiting", held.total(), letters),
        exactly("gone through by the operation", row.changed + row.skipped, letters),
        exactly("run exactly once more", sum(count == 2 for count in runs.values()), letters),
        exactly("completed", len(world.ledger.done() & set(ids)), letters),
        consistent(world),
    ]
    return Finding(repeats=0, checks=checks)


def _changed(world: Arena, name: str) -> int:
    row = world.store.operations.find(name)
    return row.changed if row else 0


def _waiting(world: Arena) -> int:
    return int(world.store.client.llen(world.store.keys.ready("default")))


SCENARIO = Scenario(
    21,
    "two retries of all dead letters at once",
    run,
    quick={"letters": 1_000, "rate": "200/s"},
    long={"letters": 10_000, "rate": "1000/s"},
    options={"appendfsync": "always"},
)
