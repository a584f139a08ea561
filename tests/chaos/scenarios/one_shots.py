"""14: many one-shot producers in a Redis full of other people's keys."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tests.chaos.arena import Arena
from tests.chaos.scenario import Check, Finding, Scenario, exactly


def run(world: Arena, shots: int, foreign: int) -> Finding:
    client = world.store.client
    for start in range(0, foreign, 10_000):
        client.mset({f"foreign:{n}": "x" for n in range(start, start + 10_000)})
    client.config_resetstat()
    client.slowlog_reset()

    def shoot(_number: int) -> str:
        done = world.command("enqueue", "work", "-o", "name")
        return done.stdout.strip().removeprefix("job/") if done.returncode == 0 else ""

    with ThreadPoolExecutor(2) as pool:
        ids = [job for job in pool.map(shoot, range(shots)) if job]
    world.accepted += ids
    keys = sorted(key.decode() for key in client.scan_iter("chaos:*", count=10_000))
    slow = [entry["command"][:80] for entry in client.slowlog_get(10)]
    world.worker(processes=1, threads=8)
    world.settle(60)
    known = {"chaos:default", "chaos:default.msgs"}
    known |= {f"chaos:@{name}" for name in ("queues", "wake:default", "token", "layout", "paused")}
    rest = [key for key in keys if key not in known and not key.startswith("chaos:@stats:default")]
    checks = [
        exactly("accepted", len(set(ids)), shots),
        Check(f"commands over 50 ms: {slow}", not slow),
        Check(f"bookkeeping left behind: {rest}", not rest),
    ]
    return Finding(checks=checks)


SCENARIO = Scenario(
    14,
    "one-shot producers among foreign keys",
    run,
    quick={"shots": 20, "foreign": 100_000},
    long={"shots": 10_000, "foreign": 100_000},
)
