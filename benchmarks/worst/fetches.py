"""The worst calls of `fetch`, which goes through queues instead of rows."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.worst.case import case
from benchmarks.worst.world import LIMITS, MANY, QUEUE, World, full_windows
from jobctl.store.data.newjob import NewJob

QUEUES = [f"queue-{n}" for n in range(32)]
DUE = 400
"""Due jobs in each of them."""
LANE = "r:act\nc:act\nC"


def _fetch(world: World, queues: list[str], want: int) -> None:
    """Fetch, and complete what came."""
    jobs = world.store.settle.fetch("w", queues, want).jobs
    for queue in {job.queue for job in jobs}:
        world.end("complete", [job for job in jobs if job.queue == queue], queue=queue)


def _due(world: World, count: int = DUE, **options: object) -> None:
    """Due jobs in many queues, for a worker that has room for one."""
    for queue in QUEUES:
        world.store.limits.define(queue, LIMITS)
        ids = world.names(count)
        jobs = [NewJob(id=i, type="act", queue=queue, payload={"n": 1}, at_ms=1, **options) for i in ids]  # type: ignore[arg-type]
        world.store.jobs.enqueue(jobs)


@case("fetch", "500 without limits")
def fetch(world: World) -> Iterator[None]:
    world.enqueue(MANY, priority=-1000)
    yield
    _fetch(world, [QUEUE], MANY)


@case("fetch", "500 without limits, from the list")
def fetch_listed(world: World) -> Iterator[None]:
    ids = world.names(MANY)
    world.store.jobs.enqueue([NewJob(id=i, type="act", queue="listed", payload={"n": 1}) for i in ids])
    yield
    _fetch(world, ["listed"], MANY)


@case("fetch", "500 in lanes of three buckets, with a unique key and an expiry")
def fetch_burdened(world: World) -> Iterator[None]:
    world.burdened(priority=-1000)
    yield
    _fetch(world, [QUEUE], MANY)


@case("fetch", "500 with payloads of 1 MB")
def fetch_large(world: World) -> Iterator[None]:
    ids = world.names(20)
    world.store.jobs.enqueue([NewJob(id=i, type="act", queue="large", payload={"text": "x" * 1_000_000}) for i in ids])
    yield
    for _ in ids:
        _fetch(world, ["large"], MANY)


@case("fetch", "one, of 32 queues with 400 due jobs each")
def fetch_due(world: World) -> Iterator[None]:
    _due(world)
    yield
    _fetch(world, QUEUES, 1)


@case("fetch", "one, of 32 queues with 400 due jobs each that have priorities")
def fetch_due_ordered(world: World) -> Iterator[None]:
    _due(world, priority=3)
    yield
    _fetch(world, QUEUES, 1)


@case("fetch", "one, of 32 queues with 400 due jobs each that have three limits")
def fetch_due_limited(world: World) -> Iterator[None]:
    _due(world, lane=LANE)
    yield
    _fetch(world, QUEUES, 1)


@case("fetch", "one, behind 1,000 stale entries in each of 32 queues")
def fetch_stale(world: World) -> Iterator[None]:
    keys = world.store.keys
    for queue in QUEUES:
        world.store.client.delete(keys.ready(queue), keys.ordered(queue), keys.limited(queue))
        world.store.client.rpush(keys.ready(queue), *world.names(1_000))
    yield
    world.store.settle.fetch("w", QUEUES, 1)


@case("fetch", "500 behind 500 full sliding windows of 100 parts")
def fetch_windows(world: World) -> Iterator[None]:
    queue, ids = "windows", world.names(MANY)
    full_windows(world, queue, [f"R|{i}" for i in ids])
    jobs = [NewJob(id=i, type="act", queue=queue, payload={"n": 1}, lane=f"R|{i}") for i in ids]
    world.store.jobs.enqueue(jobs)
    yield
    _fetch(world, [queue], MANY)
