"""8: bodies that no worker can understand among good ones."""

from __future__ import annotations

import json
import uuid

from tests.chaos.arena import Arena
from tests.chaos.scenario import Check, Finding, Scenario, exactly
from tests.chaos.stock import StockArena


def bodies(queue: str) -> list[bytes]:
    """One of each kind of poison; the ids stand for themselves."""

    def message(**changes: object) -> bytes:
        body = {
            "queue_name": queue, "actor_name": "work", "args": [], "kwargs": {}, "options": {},
            "message_id": str(uuid.uuid4()), "message_timestamp": 1_700_000_000_000,
        }  # fmt: skip
        return json.dumps({**body, **changes}).encode()

    return [
        b"not json at all",
        message(queue_name="elsewhere"),
        message(options=None),
        b'{"pad": "' + b"x" * 1_000_000 + b'"}',
        message()[:-2] + b"\xff\xfe}",
        b"",
        b"[]",
        message(kwargs=[1, 2]),
        message(message_timestamp="yesterday"),
        b"\x80\x04K*.",
    ]


def run(world: Arena, poison: int, good: int) -> Finding:
    world.store.queues.register(["default"])
    worker = world.worker(processes=2, threads=4)
    kinds = bodies("default")
    for start in range(0, poison, len(kinds)):
        _push(world, kinds[: poison - start])
        world.send("work", good * len(kinds) // poison)
    world.settle(60)
    quarantined = [f for ids in world.store.jobs.scan("default", "dead") for f in ids]
    reasons = sum(found.record.error == "Quarantined" for found in quarantined)
    again = world.send("work", 100)
    world.settle(20)
    deaths = world.log_says("threads died") + world.log_says("died:")
    checks = [
        exactly("good ones done", len(world.ledger.done()), len(world.accepted) - poison),
        exactly("quarantined with the reason", reasons, poison),
        exactly("done afterwards", len(world.ledger.done() & set(again)), 100),
        Check(f"threads or processes that died {deaths}", deaths == 0),
    ]
    worker.stop()
    return Finding(checks=checks)


def _push(world: Arena, kinds: list[bytes]) -> None:
    """As a broken stock producer would: body and id, nothing else."""
    keys, pipe = world.store.keys, world.store.client.pipeline()
    for body in kinds:
        job_id = str(uuid.uuid4())
        pipe.hset(keys.bodies("default"), job_id, body)
        pipe.rpush(keys.ready("default"), job_id)
        world.accepted.append(job_id)
    pipe.execute()


def stock(world: StockArena, poison: int, good: int) -> Finding:
    world.worker(processes=2, threads=4)
    kinds = bodies("default")
    sent = []
    for start in range(0, poison, len(kinds)):
        pipe = world.client.pipeline()
        for body in kinds[: poison - start]:
            job_id = str(uuid.uuid4())
            pipe.hset("stock:default.msgs", job_id, body)
            pipe.rpush("stock:default", job_id)
        pipe.execute()
        sent += world.send("work", good * len(kinds) // poison)
    world.settle(15)
    return Finding(checks=[exactly("good ones done within 15 s", len(world.ledger.done() & set(sent)), good)])


SCENARIO = Scenario(
    8,
    "1,000 poison bodies among 1,000 good",
    run,
    quick={"poison": 1_000, "good": 1_000},
    long={"poison": 1_000, "good": 1_000},
    stock=stock,
    stock_is_quick=True,
)
