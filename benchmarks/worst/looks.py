"""The worst calls of scripts that read jobs, take in what stock Dramatiq left, or concern a process or a namespace."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.worst.case import case
from benchmarks.worst.world import MANY, QUEUE, World, full_windows
from jobctl import clock
from jobctl.store.nouns.progress import Reached, Told
from jobctl.store.wire import steps


@case("locate", "dead letters")
def locate_dead(world: World) -> Iterator[None]:
    jobs = world.plain()
    world.end("bury", jobs)
    yield
    world.store.jobs.locate(QUEUE, [job.id for job in jobs])
    world.store.dead.discard(QUEUE, [(job.id, f"g{n % 50}") for n, job in enumerate(jobs)])


@case("locate", "running, with all that can be beside a job")
def locate_running(world: World) -> Iterator[None]:
    jobs = world.running()
    told = Told(1, clock.now_ms(), 2, "half")
    steps.run(world.store, [world.store.progress.rows(QUEUE, [Reached(j.id, j.token, told) for j in jobs])])
    yield
    world.store.jobs.locate(QUEUE, [job.id for job in jobs])
    world.end("complete", jobs)


@case("details", "25 attempts with tracebacks, 200 KB a job")
def details(world: World) -> Iterator[None]:
    jobs = world.plain()
    world.end("bury", jobs)
    world.history([job.id for job in jobs])
    found = world.store.jobs.locate(QUEUE, [job.id for job in jobs])
    yield
    world.store.jobs.details(QUEUE, found)


@case("which", "250 queues")
def which(world: World) -> Iterator[None]:
    queues = [f"q{n}" for n in range(250)]
    yield
    for job_id in world.names(20):
        world.store.run("which", queues, job_id)


@case("alias", "500 jobs")
def alias(world: World) -> Iterator[None]:
    jobs = world.plain()
    yield
    steps.run(world.store, [world.store.jobs.alias(QUEUE, [(job.id, f"message-{job.id}") for job in jobs])])
    world.end("complete", jobs)


@case("look_again", "a limit of 100,000 keys that somebody waits for")
def look_again(world: World) -> Iterator[None]:
    yield
    world.store.limits.look_again(QUEUE, "c:shut")


@case("intake_delayed", "500 at the head of 10,000")
def intake_delayed(world: World) -> Iterator[None]:
    world.stock_delayed(10_000)
    yield
    world.store.stock.take_delayed(QUEUE)


@case("intake_dead", "500 of 10,000, with tracebacks of 8 KB")
def intake_dead(world: World) -> Iterator[None]:
    world.stock_dead(10_000)
    yield
    world.store.stock.take_dead(QUEUE, 2_000)


@case("beat", "a thousand processes")
def beat(world: World) -> Iterator[None]:
    processes = [world.process(n) for n in range(1000)]
    yield
    for process in processes:
        world.store.processes.beat(process)


@case("order", "each of a thousand processes")
def order(world: World) -> Iterator[None]:
    names = [world.process(n) for n in range(1000)]
    for process in names:
        world.store.processes.beat(process)
    yield
    for process in names:
        world.store.processes.order(process.name, quiet=True, threads=4)


@case("migrate_lanes", "lanes of layout 1 with three buckets")
def migrate_lanes(world: World) -> Iterator[None]:
    """The jobs wait as in layout 1: aside, and in lanes that are named by their buckets alone."""
    client, keys = world.store.client, world.store.keys
    ids = world.burdened()
    for job_id, lane in zip(ids, client.hmget(keys.lanes(QUEUE), ids), strict=True):
        client.zadd(keys.of_limits(QUEUE, f"lane:{lane.decode()}"), {job_id: 1})
    client.zadd(f"{keys.limited(QUEUE)}:2", dict.fromkeys(ids, 1))
    mark = client.get(keys.layout())
    yield
    while world.store.run("migrate_lanes", QUEUE, mark, QUEUE, MANY):
        pass


@case("usage", "eleven keys of a sliding window of 100 parts")
def usage(world: World) -> Iterator[None]:
    buckets = [f"R|{i}" for i in world.names(11)]
    full_windows(world, "windows", buckets)
    yield
    world.store.limits.usage("windows", buckets)


@case("found", "a namespace of this layout")
def found(world: World) -> Iterator[None]:
    yield
    world.store.run("found", (), "2", "a notice")
