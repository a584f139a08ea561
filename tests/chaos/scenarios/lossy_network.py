"""11: a network that loses replies and cuts connections on 1 % of all commands, for workers and producers alike."""

from __future__ import annotations

from tests.chaos.arena import Arena, until
from tests.chaos.proxy import Proxy
from tests.chaos.scenario import Check, Finding, Scenario


def run(world: Arena, jobs: int, rate: float, quiet_s: float) -> Finding:
    proxy = Proxy(world.folder / "p", world.server.socket)
    world.address = proxy.url
    for _ in range(2):
        world.worker(processes=2, threads=8)
    proxy.rate = rate
    for _ in range(jobs):
        world.send("work", seconds=0.005)
    quiet = world.settle(quiet_s)
    idle = until(lambda: world.in_line() == 0, 5)
    proxy.rate = 0.0
    met = ", ".join(f"{count} {kind}" for kind, count in sorted(proxy.faults.items()))
    checks = [
        Check(f"faults met: {met}", sum(proxy.faults.values()) > 10),
        Check(f"quiet within {quiet_s:g} s while the network stayed bad", quiet and idle),
    ]
    proxy.close()
    # what was lost is repeated with the same id and token: a job runs twice only when its worker was taken for dead
    return Finding(repeats=0, checks=checks)


SCENARIO = Scenario(
    11,
    "a network that loses 1 % of all commands",
    run,
    quick={"jobs": 1_200, "rate": 0.01, "quiet_s": 60.0},
    long={"jobs": 10_000, "rate": 0.01, "quiet_s": 120.0},
)
