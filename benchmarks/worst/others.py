"""The worst calls about schedules, about many queues, and after a change of the catalog's limits."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from benchmarks.worst.case import case
from benchmarks.worst.world import DAY_MS, QUEUE, World
from jobctl.store.data.newjob import NewJob
from jobctl.store.nouns import depths
from jobctl.store.nouns.alerts import Moved
from jobctl.store.nouns.schedules import ByHand, Tick
from jobctl.store.nouns.ticks import OpenTick

ROWS = 10_000
"""What the history of a schedule holds at most."""
HOUR_MS = 3_600_000


def _history(world: World, name: str) -> int:
    """A schedule with a full history, an hour ago; returns its last tick (epoch ms)."""
    last = world.store.processes.now_ms() - HOUR_MS
    world.store.schedules.let_pass(name, range(last - ROWS, last), last, "missed", "no scheduler was alive")
    return last


@case("announce", "1,000 schedules that are due at other times than before")
def announce(world: World) -> Iterator[None]:
    names = world.names(1_000)
    now = world.store.processes.now_ms()
    world.store.schedules.announce([(name, "a digest", now) for name in names])
    yield
    world.store.schedules.announce([(name, "another", now) for name in names])


@case("rename", "1,000 schedules with a history, one of them to a name that has 10,000 rows")
def rename(world: World) -> Iterator[None]:
    names = world.names(1_000)
    now = world.store.processes.now_ms()
    for name in names:
        world.store.schedules.let_pass(name, [now - HOUR_MS], now, "missed", "")
    for name in (names[0], f"{names[0]}-new"):
        _history(world, name)
    yield
    world.store.schedules.rename([(name, f"{name}-new") for name in names])


@case("set_times", "ten times each of 100 schedules")
def set_times(world: World) -> Iterator[None]:
    names = world.names(100)
    yield
    for _ in range(10):
        for name in names:
            world.store.schedules.set_by_hand(name, ByHand("somebody", reason="w" * 500, cron="*/5 * * * *"))


@case("note", "one of 1,000, of 2 KB")
def note(world: World) -> Iterator[None]:
    for n in range(1_000):
        world.store.notes.change(QUEUE, f"{n:08x}", lambda note: replace(note, text="n" * 2_000))
    yield
    world.store.notes.change(QUEUE, f"{7:08x}", lambda note: replace(note, muted=9))


@case("pass_ticks", "1,000 of a schedule with a full history")
def pass_ticks(world: World) -> Iterator[None]:
    [name] = world.names(1)
    last = _history(world, name)
    yield
    world.store.schedules.let_pass(name, range(last, last + 1_000), last + DAY_MS, "queued", "an earlier job runs")


@case("settle_tick", "a schedule with a full history, and 50 runs by hand at the same tick")
def settle_tick(world: World) -> Iterator[None]:
    [name] = world.names(1)
    last = _history(world, name)
    ids = world.names(50)
    for job_id in ids:
        job = NewJob(id=job_id, type="act", queue=QUEUE, payload={"n": 1})
        world.store.schedules.tick(Tick(name, last, last + DAY_MS, job, how="hand", why="w" * 500))
    yield
    for job_id in ids:
        world.store.ticks.settle(OpenTick(name, last, QUEUE, job_id), "dead", 1, 2, most=10, pause="0|somebody|dead")


@case("relane", "jobs of three buckets get others, one a key")
def relane(world: World) -> Iterator[None]:
    ids = world.burdened()
    lanes = [lane.decode() for lane in world.store.client.hmget(world.store.keys.lanes(QUEUE), ids)]
    moves = [(i, lane, f"c:act|{i}\nr:act|new-{i}\nC") for i, lane in zip(ids, lanes, strict=True)]
    yield
    world.store.deployed.relane(QUEUE, moves)


@case("depths", "200 queues, whose workers hold 100 jobs each")
def depths_of_many(world: World) -> Iterator[None]:
    queues = [f"deep-{name}" for name in world.names(200)]
    for queue in queues:
        jobs = [NewJob(id=i, type="act", queue=queue, payload={"n": 1}) for i in world.names(110)]
        world.store.jobs.enqueue(jobs)
        world.store.settle.fetch("w", [queue], 100)
    yield
    depths.rows(world.store, queues)


def _alerts(world: World, count: int) -> list[str]:
    """So many alerts, each with four notices that nobody has sent."""
    names = world.names(count)
    for name in names:
        for holds in (True, False, True, False):
            _look(world, name, holds=holds, may_send=False)
    return names


def _look(world: World, name: str, *, holds: bool, may_send: bool) -> Moved:
    store = world.store.alerts
    return store.move(
        name, holds=holds, value=12.5, worst="q" * 128, for_ms=0, repeat_ms=1, may_send=may_send
    )  # fmt: skip


@case("alert_turn", "1,000 alerts, and an hour begins")
def alert_turn(world: World) -> Iterator[None]:
    _alerts(world, 1_000)
    yield
    world.store.alerts.take_turn(10**13)


@case("alert", "100 times, with four notices that wait")
def alert(world: World) -> Iterator[None]:
    names = _alerts(world, 100)
    yield
    for name in names:
        _look(world, name, holds=True, may_send=True)


@case("alert_sent", "100 times, with an error of 300 characters")
def alert_sent(world: World) -> Iterator[None]:
    claims = [(name, _look(world, name, holds=False, may_send=True).claim) for name in _alerts(world, 100)]
    yield
    for name, claim in claims:
        world.store.alerts.sent(name, claim, "failed", "e" * 300, 10_000)
