"""The worst calls of each script that are known. A case prepares its jobs, yields, and makes the measured calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from benchmarks.worst.world import DAY_MS, INFO, MANY, QUEUE, RECORD, World, burdened, full_windows
from jobctl import clock
from jobctl.catalog.model import Keep
from jobctl.store.data.newjob import NewJob, Unique
from jobctl.store.nouns import trimming
from jobctl.store.nouns.logs import Batch, LogLine
from jobctl.store.nouns.progress import Reached, Told
from jobctl.store.nouns.settle import Ended
from jobctl.store.wire import steps

Steps = Callable[[World], Iterator[None]]


class Case(msgspec.Struct, frozen=True):
    """`script` in the state that `what` describes."""

    script: str
    what: str
    steps: Steps


CASES: list[Case] = []


def case(script: str, what: str) -> Callable[[Steps], Steps]:
    def add(steps: Steps) -> Steps:
        CASES.append(Case(script, what, steps))
        return steps

    return add


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
    world.store.jobs.cancel(QUEUE, [(job.id, b"") for job in jobs], running=False)
    world.store.jobs.remove(QUEUE, [job.id for job in jobs])


@case("tick", "three buckets, a unique key and an expiry")
def tick(world: World) -> Iterator[None]:
    [job_id] = world.names(1)
    at = clock.now_ms()
    yield
    world.store.schedules.tick("s", at, at + 60_000, burdened(job_id))


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
    steps.run(world.store, [steps.Rows("begin", QUEUE, (), [(job.id, job.token, 1) for job in jobs])])
    world.end("complete", jobs)


@case("cancel", "three buckets, a unique key and an expiry each")
def cancel_burdened(world: World) -> Iterator[None]:
    ids = world.burdened()
    yield
    world.store.jobs.cancel(QUEUE, [(i, b"{}") for i in ids], running=True)


@case("cancel", "delayed")
def cancel_delayed(world: World) -> Iterator[None]:
    ids = world.enqueue(MANY, delay_ms=DAY_MS)
    yield
    world.store.jobs.cancel(QUEUE, [(i, b"{}") for i in ids], running=True)


@case("promote", "delayed jobs with three buckets")
def promote(world: World) -> Iterator[None]:
    ids = world.burdened(delay_ms=DAY_MS)
    yield
    world.store.jobs.promote(QUEUE, ids)


@case("promote_due", "delayed jobs with three buckets")
def promote_due(world: World) -> Iterator[None]:
    world.burdened(at_ms=1)
    yield
    while world.store.queues.promote_due(QUEUE):
        pass


@case("reprioritise", "three buckets")
def reprioritise(world: World) -> Iterator[None]:
    ids = world.burdened()
    yield
    world.store.jobs.reprioritise(QUEUE, ids, 7)


@case("free", "unique keys")
def free(world: World) -> Iterator[None]:
    ids = world.burdened()
    yield
    world.store.jobs.free_keys(QUEUE, ids)


@case("revive", "dead letters with three buckets and a unique key, by id")
def revive_ids(world: World) -> Iterator[None]:
    jobs = world.running()
    world.end("bury", jobs)
    yield
    world.store.jobs.revive(QUEUE, [(job.id, f"g{n % 50}") for n, job in enumerate(jobs)])


@case("revive", "dead letters with three buckets and a unique key, by group")
def revive_groups(world: World) -> Iterator[None]:
    world.end("bury", world.running())
    since = clock.now_ms() - 5_000
    yield
    groups, passed = [f"g{n}" for n in range(50)], 0
    while groups:
        moved = world.store.dead.retry_groups(QUEUE, groups, limit=MANY, passed=passed, since_ms=since, until_ms=None)
        groups, passed = groups[moved.groups_done :], moved.passed


@case("discard", "dead letters of 50 groups, by id")
def discard_ids(world: World) -> Iterator[None]:
    jobs = world.plain()
    world.end("bury", jobs)
    yield
    world.store.dead.discard(QUEUE, [(job.id, f"g{n % 50}") for n, job in enumerate(jobs)])


@case("discard", "dead letters of 50 groups, by group")
def discard_groups(world: World) -> Iterator[None]:
    world.end("bury", world.plain())
    since = clock.now_ms() - 5_000
    yield
    groups = [f"g{n}" for n in range(50)]
    while groups:
        moved = world.store.dead.discard_groups(QUEUE, groups, limit=MANY, since_ms=since, until_ms=None)
        groups = groups[moved.groups_done :]


@case("remove", "cancelled, with 200 KB of attempts, a unique key and a log")
def remove(world: World) -> Iterator[None]:
    jobs = world.running()
    world.log(jobs)
    world.end("cancelled", jobs)
    world.history([job.id for job in jobs])
    yield
    world.store.jobs.remove(QUEUE, [job.id for job in jobs])


@case("lapse", "three buckets, a unique key and an expiry each")
def lapse(world: World) -> Iterator[None]:
    ids = world.burdened(expires_ms=1)
    yield
    world.store.expiry.lapse(QUEUE, [Ended(i, "", RECORD, b"{}", group="g1", group_info=INFO) for i in ids])


@case("locate", "dead letters")
def locate_dead(world: World) -> Iterator[None]:
    jobs = world.plain()
    world.end("bury", jobs)
    yield
    world.store.jobs.locate(QUEUE, [job.id for job in jobs])
    world.store.dead.discard(QUEUE, [(job.id, f"g{n % 50}") for n, job in enumerate(jobs)])


@case("details", "25 attempts with tracebacks, 200 KB a job")
def details(world: World) -> Iterator[None]:
    jobs = world.plain()
    world.end("bury", jobs)
    world.history([job.id for job in jobs])
    found = world.store.jobs.locate(QUEUE, [job.id for job in jobs])
    yield
    world.store.jobs.details(QUEUE, found)


@case("drop_ghosts", "three buckets, a unique key and an expiry each")
def drop_ghosts(world: World) -> Iterator[None]:
    ids = world.burdened()
    world.store.client.hdel(world.store.keys.bodies(QUEUE), *ids)
    yield
    steps.run(world.store, [steps.Rows("drop_ghosts", QUEUE, (QUEUE,), [(i, "") for i in ids])])


@case("which", "250 queues")
def which(world: World) -> Iterator[None]:
    queues = [f"q{n}" for n in range(250)]
    yield
    for job_id in world.names(20):
        world.store.run("which", queues, job_id)


@case("locate", "running, with all that can be beside a job")
def locate_running(world: World) -> Iterator[None]:
    jobs = world.running()
    told = Told(1, clock.now_ms(), 2, "half")
    steps.run(world.store, [world.store.progress.rows(QUEUE, [Reached(j.id, j.token, told) for j in jobs])])
    yield
    world.store.jobs.locate(QUEUE, [job.id for job in jobs])
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


@case("alias", "500 jobs")
def alias(world: World) -> Iterator[None]:
    jobs = world.plain()
    yield
    steps.run(world.store, [world.store.jobs.alias(QUEUE, [(job.id, f"message-{job.id}") for job in jobs])])
    world.end("complete", jobs)


@case("trim", "25 attempts with tracebacks, 200 KB a letter")
def trim_large(world: World) -> Iterator[None]:
    jobs = world.plain()
    world.history([job.id for job in jobs])
    world.end("bury", jobs)
    yield
    while trimming.trim(world.store, QUEUE, Keep(dead_count=0))[1]:
        pass


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


@case(
    "empty",
    "the crowd",
)
def empty(world: World) -> Iterator[None]:
    yield
    for _ in range(100):
        world.store.queues.empty(QUEUE)


@case("restore", "emptied jobs with three buckets")
def restore(world: World) -> Iterator[None]:
    jobs = world.emptied("emptied")
    yield
    world.store.dead.restore("emptied", jobs)


@case("expire", "completed and cancelled jobs that `keep` keeps no longer")
def expire(world: World) -> Iterator[None]:
    yield
    for _ in range(20):
        world.store.queues.expire(QUEUE, -1, 0)


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


@case("once", "a value of 64 KB")
def once(world: World) -> Iterator[None]:
    [job_id] = world.names(1)
    world.store.client.hset(world.store.keys.running(QUEUE), job_id, "1-1|w|1")
    yield
    for step in ("begin", "done"):
        world.store.run("once", (), step, job_id, QUEUE, job_id, "1-1", "x" * 65_000, DAY_MS)
    world.store.client.hdel(world.store.keys.running(QUEUE), job_id)


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
