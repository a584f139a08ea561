"""13: a replica is promoted under load; what the primary acknowledged and had not passed on is lost, and counted."""

from __future__ import annotations

import socket
import threading
import time

from tests.chaos.arena import Arena, until
from tests.chaos.proxy import Proxy
from tests.chaos.scenario import Check, Finding, Scenario
from tests.chaos.server import Server

WINDOW_S, SLACK_S = 0.5, 0.1


def run(world: Arena, rate: int, seconds: float) -> Finding:
    primary, replica = world.server, Server(world.folder, "replica", **{"repl-diskless-sync-delay": "0"})
    replica.start()
    primary.client().config_set("repl-diskless-sync-delay", "0")
    _follow(replica, primary)
    proxy = Proxy(world.folder / "p", primary.socket)
    world.address = proxy.url
    for _ in range(2):
        world.worker(processes=1, threads=8)
    sent: list[tuple[float, str]] = []
    stop = threading.Event()
    load = threading.Thread(target=_load, args=(world, rate, stop, sent))
    load.start()
    time.sleep(seconds)
    parted = time.monotonic()
    replica.client().execute_command("REPLICAOF", "NO", "ONE")
    time.sleep(WINDOW_S)  # the primary goes on acknowledging, and nobody copies it any more
    primary.kill()
    fell = time.monotonic()
    time.sleep(1.0)
    proxy.retarget(replica.socket)
    world.aim(replica)
    time.sleep(seconds)
    stop.set()
    load.join()
    world.settle(60)
    proxy.close()
    window = sum(parted - SLACK_S <= at <= fell for at, _ in sent)
    lost = set(world.accepted) - world.ledger.done() - world.dead()
    outside = sum(not parted - SLACK_S <= at <= fell + SLACK_S for at, job in sent if job in lost)
    checks = [
        Check(f"{len(lost)} lost of {window} acknowledged after the replica was cut off", len(lost) <= window),
        Check(f"lost of those before or after: {outside}", outside == 0),
    ]
    # what ended in that window runs again: nobody who is left knows that it did
    return Finding(repeats=window + 32, losses=window, checks=checks)


def _follow(replica: Server, primary: Server) -> None:
    """Replication needs a port; the kernel picks one that is free."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    primary.client().config_set("bind", "127.0.0.1")
    primary.client().config_set("port", str(port))
    replica.client().execute_command("REPLICAOF", "127.0.0.1", str(port))
    until(lambda: replica.client().info("replication")["master_link_status"] == "up", 20)


def _load(world: Arena, rate: int, stop: threading.Event, sent: list[tuple[float, str]]) -> None:
    next_at = time.monotonic()
    while not stop.is_set():
        (job,) = world.send("work", seconds=0.02, delay=1.0 if len(sent) % 2 else None)
        sent.append((time.monotonic(), job))
        next_at = max(next_at + 1 / rate, time.monotonic() - 0.1)
        time.sleep(max(0.0, next_at - time.monotonic()))


SCENARIO = Scenario(
    13,
    "a replica promoted under 200 enqueues/s",
    run,
    quick={"rate": 200, "seconds": 6.0},
    long={"rate": 200, "seconds": 30.0},
)
