"""The worst calls of scripts that enqueue jobs, and of those that attempts make."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from benchmarks.worst.case import case
from benchmarks.worst.world import DAY_MS, MANY, QUEUE, RECORD, World, burdened
from jobctl import clock
from jobctl.store.data.newjob import NewJob, Unique
from jobctl.store.nouns.logs import Batch, LogLine
from jobctl.store.nouns.progress import Reached, Told
from jobctl.store.nouns.schedules import Tick
from jobctl.store.nouns.settle import Ended, Reserved
from jobctl.store.wire import steps


@case("enqueue", "three buckets, a unique key and an expiry each")
def enqueue_burdened(world: World) -> Iterator[None]:
    jobs = [burdened(i) for i in world.names(MANY)]
    yield
    world.store.jobs.enqueue(jobs)


@case("enqueue", "each replaces a delayed job")
def enqueue_replacing(world: World) -> Iterator[None]:
    names = [Unique(f"act|{i}", "for", DAY_MS, "replace") for i in world.names(MANY)]
    first, second = (
        [
            msgspec.structs.replace(burdened(i), unique=unique)
            for i, unique in zip(world.names(MANY), names, strict=True)
        ]
        for _ in range(2)
    )
    world.store.jobs.enqueue(first)
    yield
    world.store.jobs.enqueue(second)


@case("enqueue", "payloads of 100 KB")
def enqueue_large(world: World) -> Iterator[None]:
    jobs = [NewJob(id=i, type="act", queue=QUEUE, payload={"text": "x" * 100_000}) for i in world.names(100)]
    yield
    world.store.jobs.enqueue(jobs)
    world.store.jobs.cancel(QUEUE, [(job.id, b"", "") for job in jobs], running=False)
    world.store.jobs.remove(QUEUE, [job.id for job in jobs])


@case("tick", "three buckets, a unique key and an expiry")
def tick(world: World) -> Iterator[None]:
    [job_id] = world.names(1)
    at = clock.now_ms()
    yield
    world.store.schedules.tick(Tick("s", at, at + 60_000, burdened(job_id)))


@case("complete", "with hooks, of 100 types to as many queues")
def complete_hooked(world: World) -> Iterator[None]:
    jobs = _hooked(world, "completed")
    yield
    world.end("complete", jobs)


@case("bury", "with hooks, of 100 types to as many queues")
def bury_hooked(world: World) -> Iterator[None]:
    jobs = _hooked(world, "dead")
    yield
    world.end("bury", jobs, trace=20)


def _hooked(world: World, event: str) -> list[Reserved]:
    """Running jobs of 100 types, each with a hook in a queue of its own."""
    spec = {f"hooked{n} {event}": f'hooks{n} 5 told{n} ["secret"]' for n in range(100)}
    world.store.client.hset(world.store.keys.hooks(), mapping=spec)
    jobs = [
        NewJob(id=i, type=f"hooked{n % 100}", queue=QUEUE, payload={"n": n}, priority=-1000)
        for n, i in enumerate(world.names(MANY))
    ]
    world.store.jobs.enqueue(jobs)
    found: list[Reserved] = []
    while len(found) < MANY:
        found += world.store.settle.fetch("w", [QUEUE], MANY - len(found)).jobs
    return found


@case("fill", "payloads of 10 KB")
def fill(world: World) -> Iterator[None]:
    jobs = world.plain()
    yield
    world.store.settle.fill(QUEUE, [(job.id, job.token, b"x" * 10_000) for job in jobs])
    world.end("complete", jobs)


@case("complete", "three buckets, a unique key and an expiry each")
def complete_burdened(world: World) -> Iterator[None]:
    jobs = world.running()
    yield
    world.end("complete", jobs)


@case("complete", "results of 64 KB")
def complete_large(world: World) -> Iterator[None]:
    jobs = world.plain()
    yield
    world.end("complete", jobs, result=b'"%b"' % (b"x" * 65_000))


@case("complete", "`keep.count` has dropped")
def complete_trimming(world: World) -> Iterator[None]:
    for _ in range(4):
        world.end("complete", world.plain())
    jobs = world.plain()
    yield
    ended = [Ended(j.id, j.token, RECORD) for j in jobs]
    world.store.settle.write([world.store.settle.complete(QUEUE, DAY_MS, 0, ended)])


@case("retry", "three buckets that are told to pause")
def retry(world: World) -> Iterator[None]:
    jobs = world.running()
    yield
    world.end("retry", jobs, pause_ms=60_000)


@case("retry", "25 attempts with tracebacks, 200 KB a job")
def retry_large(world: World) -> Iterator[None]:
    jobs = world.plain()
    world.history([job.id for job in jobs])
    yield
    world.end("retry", jobs)


@case("bury", "three buckets, a unique key and an expiry each")
def bury(world: World) -> Iterator[None]:
    jobs = world.running()
    yield
    world.end("bury", jobs)


@case("bury", "25 attempts with tracebacks, 200 KB a job")
def bury_large(world: World) -> Iterator[None]:
    jobs = world.plain()
    world.history([job.id for job in jobs])
    yield
    world.end("bury", jobs)


@case("cancelled", "three buckets, a unique key and an expiry each")
def cancelled(world: World) -> Iterator[None]:
    jobs = world.running()
    yield
    world.end("cancelled", jobs)


@case("requeue", "three buckets that are told to pause")
def requeue(world: World) -> Iterator[None]:
    jobs = world.running()
    yield
    world.end("requeue", jobs, pause_ms=60_000)


@case("begin", "500 jobs")
def begin(world: World) -> Iterator[None]:
    jobs = world.plain()
    yield
    steps.run(
        world.store,
        [steps.Rows("begin", QUEUE, (), [(job.id, job.token, 1, f"{n % 100}..type{n}") for n, job in enumerate(jobs)])],
    )
    world.end("complete", jobs)


@case("log", "a line each for 500 jobs")
def log_many(world: World) -> Iterator[None]:
    jobs = world.plain()
    yield
    world.log(jobs)
    world.end("complete", jobs)


@case("log", "lines of 2,000 characters on a full log, repeated")
def log_long(world: World) -> Iterator[None]:
    job, *others = world.plain()
    lines = tuple(LogLine(1, n, "stdout", "x" * 2_000) for n in range(MANY))
    for repeated in (False, False, True):
        if repeated:
            yield
        steps.run(world.store, [world.store.logs.rows(QUEUE, [Batch(job.id, job.token, lines)], repeated=repeated)])
    world.end("complete", [job, *others])


@case("progress", "500 jobs")
def tell_progress(world: World) -> Iterator[None]:
    jobs = world.plain()
    told = Told(1, clock.now_ms(), 2, "x" * 200)
    yield
    steps.run(world.store, [world.store.progress.rows(QUEUE, [Reached(j.id, j.token, told) for j in jobs])])
    world.end("complete", jobs)


@case("once", "a value of 64 KB")
def once(world: World) -> Iterator[None]:
    [job_id] = world.names(1)
    world.store.client.hset(world.store.keys.running(QUEUE), job_id, "1-1|w|1")
    yield
    for step in ("begin", "done"):
        world.store.run("once", (), step, job_id, QUEUE, job_id, "1-1", "x" * 65_000, DAY_MS)
    world.store.client.hdel(world.store.keys.running(QUEUE), job_id)
