"""The worst calls about operations: changes of jobs that are written down, and carried on."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.worst.case import case
from benchmarks.worst.world import QUEUE, World
from jobctl.store.data.plans import PlanRow
from jobctl.store.nouns.carried import Chunk
from jobctl.store.nouns.operations import Pace


def _part(number: int) -> PlanRow:
    return PlanRow(queue="q" * 60, state="dead", type="t" * 60, group=f"{number:08}", error="E" * 100, count=number)


@case("operation_begin", "1,000 are kept; with 50 parts and long words")
def operation_begin(world: World) -> Iterator[None]:
    store = world.store.operations
    for _ in range(1_000):
        store.end(
            store.begin(store.intent("dead retry", "--all", "", 1, (), ())), "done", changed=1, failed=0, skipped=0
        )
    yield
    store.begin(store.intent("dead retry", "f" * 1_000, "", 1, [_part(number) for number in range(50)], ()))


@case("operation_note", "twice")
def operation_note(world: World) -> Iterator[None]:
    name = world.store.operations.begin(world.store.operations.intent("dead retry", "--all", "", 1, (), ()))
    yield
    world.store.operations.note(name, changed=10**6, failed=10**6)
    world.store.operations.end(name, "stopped", changed=10**6, failed=10**6, skipped=10**6, why="w" * 300)


def _carried(world: World) -> tuple[str, list[str]]:
    """An operation that retries dead letters with all their burden, which carrier "c" has the turn of."""
    store, jobs = world.store, world.running()
    world.end("bury", jobs)
    letters = [job.id for job in jobs]
    pace = Pace(rate=10**6, per_ms=1, canary=0, failing=50.0)
    intent = store.operations.intent("dead retry", "--all", "", len(letters), (), (), pace)
    return store.carried.start(intent, pace, {(QUEUE, "act"): letters}), letters


@case("revive", "the next step of an operation, with three buckets and a unique key a job")
def revive_step(world: World) -> Iterator[None]:
    name, letters = _carried(world)
    turn = world.store.carried.turn(name, "c")
    rows = [(job_id, f"g{n % 50}", "25") for n, job_id in enumerate(letters)]
    yield
    assert world.store.carried.step(name, "c", turn, Chunk(QUEUE, "act", tuple(letters)), rows) > 0


@case("operation_turn", "keeps the turn, takes it, ends it")
def operation_turn(world: World) -> Iterator[None]:
    name, _ = _carried(world)
    yield
    for _ in range(2):
        world.store.carried.turn(name, "c")
    world.store.client.hset(world.store.keys.operation(name), "at", "1 0")
    world.store.carried.turn(name, "c")


@case("operation_outcome", "500 jobs")
def operation_outcome(world: World) -> Iterator[None]:
    name, letters = _carried(world)
    world.store.client.hset(
        world.store.keys.operation(name, ":open"), mapping={f"{QUEUE} {job_id}": 4 for job_id in letters}
    )
    yield
    world.store.carried.fared(name, [(QUEUE, job_id, "again") for job_id in letters])


@case("operation_order", "each")
def operation_order(world: World) -> Iterator[None]:
    name, _ = _carried(world)
    yield
    for order in ("pause", "resume", "abort"):
        world.store.carried.order(name, order, "w" * 300)
