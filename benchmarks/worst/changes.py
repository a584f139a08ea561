"""The worst calls of scripts that change, end and delete jobs which do not run."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.worst.case import case
from benchmarks.worst.world import DAY_MS, INFO, MANY, QUEUE, RECORD, World
from jobctl import clock
from jobctl.catalog.model import Keep
from jobctl.store.data.indexed import Untaken
from jobctl.store.nouns import trimming
from jobctl.store.nouns.settle import Ended
from jobctl.store.wire import steps


@case("cancel", "three buckets, a unique key and an expiry each")
def cancel_burdened(world: World) -> Iterator[None]:
    ids = world.burdened()
    yield
    world.store.jobs.cancel(QUEUE, [(i, b"{}", "") for i in ids], running=True)


@case("cancel", "delayed")
def cancel_delayed(world: World) -> Iterator[None]:
    ids = world.enqueue(MANY, delay_ms=DAY_MS)
    yield
    world.store.jobs.cancel(QUEUE, [(i, b"{}", "") for i in ids], running=True)


@case("trash", "three buckets, a unique key and an expiry each")
def trash(world: World) -> Iterator[None]:
    ids = world.burdened()
    yield
    world.store.queues.trash(QUEUE, ids)


@case("take_in", "entries of five indexes")
def take_in(world: World) -> Iterator[None]:
    ids = world.enqueue(MANY)
    names = [f"act|{key}" for key in "abcde"]
    for name in names:
        world.store.indexes.begin(QUEUE, name)
    yield
    world.store.indexes.add(
        QUEUE, [Untaken(i, "act", tuple((name, str(n)) for name in names)) for n, i in enumerate(ids)]
    )


@case("index_taken", "the beginning and the end")
def index_taken(world: World) -> Iterator[None]:
    [job_id, *_] = world.enqueue(1)
    yield
    world.store.run("index_taken", QUEUE, job_id, "begin")
    world.store.run("index_taken", QUEUE, job_id, "end")


@case("index_mark", "the beginning and the end of a build")
def index_mark(world: World) -> Iterator[None]:
    yield
    build = world.store.indexes.begin(QUEUE, "act|n")
    world.store.indexes.end(QUEUE, "act|n", build)


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


@case("lapse", "three buckets, a unique key and an expiry each")
def lapse(world: World) -> Iterator[None]:
    ids = world.burdened(expires_ms=1)
    yield
    world.store.expiry.lapse(QUEUE, [Ended(i, "", RECORD, b"{}", group="g1", group_info=INFO) for i in ids])


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


@case("restore", "emptied jobs with three buckets")
def restore(world: World) -> Iterator[None]:
    jobs = world.emptied("emptied")
    yield
    world.store.dead.restore("emptied", jobs)


@case("remove", "cancelled, with 200 KB of attempts, a unique key and a log")
def remove(world: World) -> Iterator[None]:
    jobs = world.running()
    world.log(jobs)
    world.end("cancelled", jobs)
    world.history([job.id for job in jobs])
    yield
    world.store.jobs.remove(QUEUE, [job.id for job in jobs])


@case("trim", "25 attempts with tracebacks, 200 KB a letter")
def trim_large(world: World) -> Iterator[None]:
    jobs = world.plain()
    world.history([job.id for job in jobs])
    world.end("bury", jobs)
    yield
    while trimming.trim(world.store, QUEUE, Keep(dead_count=0))[1]:
        pass


@case("drop_ghosts", "three buckets, a unique key and an expiry each")
def drop_ghosts(world: World) -> Iterator[None]:
    ids = world.burdened()
    world.store.client.hdel(world.store.keys.bodies(QUEUE), *ids)
    yield
    steps.run(world.store, [steps.Rows("drop_ghosts", QUEUE, (QUEUE,), [(i, "") for i in ids])])


@case(
    "empty",
    "the crowd",
)
def empty(world: World) -> Iterator[None]:
    yield
    for _ in range(100):
        world.store.queues.empty(QUEUE)


@case("expire", "completed and cancelled jobs that `keep` keeps no longer")
def expire(world: World) -> Iterator[None]:
    yield
    for _ in range(20):
        world.store.queues.expire(QUEUE, -1, 0)


@case("uncancel", "three buckets, a unique key and an expiry each, half of them delayed")
def uncancel(world: World) -> Iterator[None]:
    ids = world.burdened()
    world.store.jobs.cancel(QUEUE, [(i, b"", "") for i in ids], running=False)
    due = clock.now_ms() + DAY_MS
    yield
    rows = [(job_id, f"delayed|{due}" if n % 2 else "") for n, job_id in enumerate(ids)]
    world.store.jobs.uncancel(QUEUE, rows, due)


@case("rebury", "three buckets, a unique key and an expiry each")
def rebury(world: World) -> Iterator[None]:
    jobs = world.running()
    world.end("bury", jobs)
    world.store.jobs.revive(QUEUE, [(job.id, f"g{n % 50}") for n, job in enumerate(jobs)])
    yield
    rows = [(job.id, f"g{n % 50}", INFO, 1, RECORD) for n, job in enumerate(jobs)]
    steps.each(world.store, steps.Rows("rebury", QUEUE, (QUEUE,), rows))
