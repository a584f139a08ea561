"""10: the server at maxmemory (noeviction) with a full queue: enqueue fails visibly, the queue drains."""

from __future__ import annotations

from jobctl.errors import RedisUnavailable
from tests.chaos.arena import Arena
from tests.chaos.scenario import Check, Finding, Scenario
from tests.chaos.stock import StockArena


def run(world: Arena, jobs: int, drain_s: float) -> Finding:
    flag = world.folder / "absent"
    world.send("work", jobs // 2, pad="x" * 500)
    world.send("fail-while", jobs - jobs // 2 - 100, flag=str(flag))
    flag2 = world.folder / "present"
    flag2.touch()
    world.send("mortal-fail", 100, flag=str(flag2))
    used = int(world.store.client.info("memory")["used_memory"])
    world.store.client.config_set("maxmemory", str(used - 1_000_000))
    refusal = _refused(world)
    world.worker(processes=2, threads=8)
    drained = world.settle(drain_s)
    waiting = world.in_line()
    full = _refused(world)
    world.store.client.config_set("maxmemory", "0")
    world.settle(10)
    checks = [
        Check(f"enqueue refused: {refusal or 'NO'}", "memory" in refusal),
        Check(f"still full afterwards: {'yes' if full else 'no'}", bool(full)),
        Check(f"drained while full: {waiting} left", drained),
    ]
    return Finding(checks=checks)


def _refused(world: Arena) -> str:
    try:
        world.front.jobs.enqueue([world.producer.prepare("work", {})])
    except RedisUnavailable as problem:
        return str(problem)
    return ""


def stock(world: StockArena, jobs: int, drain_s: float) -> Finding:
    world.send("work", jobs, pad="x" * 500)
    used = int(world.client.info("memory")["used_memory"])
    world.client.config_set("maxmemory", str(used - 1_000_000))
    world.worker(processes=2, threads=8)
    drained = world.settle(min(drain_s, 20.0))
    return Finding(checks=[Check(f"drained within 20 s while full: {'yes' if drained else 'no'}", drained)])


SCENARIO = Scenario(
    10,
    "maxmemory reached, 5,000 queued",
    run,
    quick={"jobs": 5_000, "drain_s": 60.0},
    long={"jobs": 5_000, "drain_s": 60.0},
    stock=stock,
    stock_is_quick=True,
)
