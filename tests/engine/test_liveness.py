"""Who is taken for dead, and what becomes of the jobs."""

from __future__ import annotations

import pytest
import redis

from jobctl import clock
from jobctl.catalog.kinds.python import PythonSpec
from jobctl.catalog.model import Catalog, JobType, Queue, RetryPolicy
from jobctl.engine.liveness.known import Cataloged
from jobctl.engine.liveness.liveness import StoreLiveness
from jobctl.errors import RedisUnavailable
from jobctl.store import Store
from jobctl.store.nouns.processes import ProcessInfo
from tests.store.moves import QUEUE, Moves

CATALOG = Cataloged(Catalog(jobs={"act": JobType(name="act", handler=PythonSpec("x:y"), queue=QUEUE)}))
HOUR_MS = 3_600_000


class Clock:
    """A monotonic clock that only moves when told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.at = 1000.0
        monkeypatch.setattr(clock, "monotonic", lambda: self.at)


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture
def store(redis_client: redis.Redis) -> Store:
    return Store(redis_client, "test")


def unreachable(*args: object) -> None:
    raise RedisUnavailable("away")


def process(name: str) -> ProcessInfo:
    return ProcessInfo(name=name, kind="worker", host="h", pid=1, queues=(QUEUE,), processes=1, threads=1, started_ms=1)


def run(liveness: StoreLiveness, store: Store, time: Clock, seconds: int, *others: str) -> int:
    """Beat and sweep for a while, as a supervisor does; `others` beat too. Returns how many jobs were recovered."""
    recovered = 0
    for _ in range(seconds):
        time.at += 1
        for name in others:
            store.processes.beat(process(name))
        liveness.beat(process("me:1:x"))
        recovered += liveness.sweep().recovered
    return recovered


@pytest.fixture
def held(store: Store) -> Moves:
    """A job held by a worker of the process `it:2:y`."""
    moves = Moves(store)
    moves.enqueue("a")
    moves.fetch(worker="it:2:y:1")
    store.processes.beat(process("it:2:y"))
    return moves


def test_a_silent_process_loses_its_jobs_after_its_lease(store: Store, time: Clock, held: Moves) -> None:
    liveness = StoreLiveness(store, CATALOG)
    assert run(liveness, store, time, 14) == 0
    assert run(liveness, store, time, 5) == 1
    assert held.state("a") == "waiting"


def test_a_process_that_beats_keeps_its_jobs(store: Store, time: Clock, held: Moves) -> None:
    assert run(StoreLiveness(store, CATALOG), store, time, 120, "it:2:y") == 0


@pytest.mark.parametrize("jump", [HOUR_MS, -HOUR_MS])
def test_a_clock_that_jumps_makes_nobody_look_dead(store: Store, time: Clock, held: Moves, jump: int) -> None:
    liveness = StoreLiveness(store, CATALOG)
    run(liveness, store, time, 30, "it:2:y")
    store.client.zadd(store.keys.beats(), {"it:2:y": store.processes.now_ms() - jump})
    assert run(liveness, store, time, 10) == 0


def test_a_clock_set_back_does_not_keep_the_dead_alive(store: Store, time: Clock, held: Moves) -> None:
    store.client.zadd(store.keys.beats(), {"it:2:y": store.processes.now_ms() + HOUR_MS})
    assert run(StoreLiveness(store, CATALOG), store, time, 20) == 1


def test_after_an_outage_everyone_has_a_whole_lease(
    store: Store, time: Clock, held: Moves, monkeypatch: pytest.MonkeyPatch
) -> None:
    liveness = StoreLiveness(store, CATALOG)
    run(liveness, store, time, 14)
    with monkeypatch.context() as away:
        away.setattr(store, "run", unreachable)
        with pytest.raises(RedisUnavailable):
            liveness.beat(process("me:1:x"))
    assert run(liveness, store, time, 14) == 0
    assert run(liveness, store, time, 5) == 1


def test_who_has_been_silent_for_four_leases_is_taken_off_the_list(store: Store, time: Clock, held: Moves) -> None:
    run(StoreLiveness(store, CATALOG), store, time, 80)
    assert list(store.processes.marks()) == ["me:1:x"]


def test_a_supervisor_that_was_stopped_judges_nobody_until_it_has_watched_for_a_lease(
    store: Store, time: Clock, held: Moves
) -> None:
    liveness = StoreLiveness(store, CATALOG)
    run(liveness, store, time, 14)
    time.at += 90
    assert liveness.sweep().recovered == 0
    assert run(liveness, store, time, 14) == 0
    assert run(liveness, store, time, 5) == 1


def test_what_a_worker_holds_that_its_living_supervisor_no_longer_has_is_given_back(
    store: Store, time: Clock, held: Moves
) -> None:
    assert run(StoreLiveness(store, CATALOG), store, time, 180, "it:2:y") == 1
    assert held.state("a") == "waiting"


def test_a_job_with_the_same_id_in_another_queue_is_not_taken_for_the_one_that_ran(store: Store) -> None:
    moves = Moves(store)
    moves.enqueue("a")
    moves.enqueue("a", queue="other")
    [ran] = moves.fetch(worker="me:1:x:1")
    moves.fetch(worker="me:1:x:1", queues=["other"])
    StoreLiveness(store, CATALOG).recover("me:1:x:1", frozenset([ran.token]), frozenset())
    crashes = {queue: store.jobs.locate(queue, ["a"])[0].crashes for queue in (QUEUE, "other")}
    assert crashes == {QUEUE: 1, "other": 0}


@pytest.mark.parametrize("crashes", [0, 5])
def test_the_lost_attempt_of_a_type_that_others_know_is_counted_and_left_to_them(store: Store, crashes: int) -> None:
    moves = Moves(store)
    moves.enqueue("a", label="for ada@example.com")
    for _ in range(crashes):
        moves.requeue(*moves.fetch(), crashed=True)
    before = store.client.hgetall(store.keys.records(QUEUE))
    [job] = moves.fetch(worker="it:2:y:1")
    partial = StoreLiveness(store, Cataloged(Catalog(queues={QUEUE: Queue(QUEUE)})))
    assert partial.recover("it:2:y:1", frozenset([job.token]), frozenset([job.token])) == 1
    [found] = store.jobs.locate(QUEUE, ["a"])
    assert (found.state, found.crashes) == ("waiting", crashes + 1)
    assert store.client.hgetall(store.keys.records(QUEUE)) == before
    assert store.events.recent()[0] == []


def test_what_was_killed_for_its_time_limit_has_failed_by_it(store: Store) -> None:
    policy = RetryPolicy(max=0)
    job_type = JobType(name="act", handler=PythonSpec("x:y"), queue=QUEUE, retries=policy)
    moves = Moves(store)
    moves.enqueue("a", "neighbour")
    late = moves.fetch(2, worker="me:1:x:1")[0]
    tokens = frozenset([late.token])
    StoreLiveness(store, Cataloged(Catalog(jobs={"act": job_type}))).recover("me:1:x:1", tokens, tokens)
    (found,) = store.jobs.locate(QUEUE, ["a"])
    assert (found.state, found.record.error) == ("dead", "Timeout")
    (found,) = store.jobs.locate(QUEUE, ["neighbour"])
    assert (found.state, found.crashes) == ("waiting", 0)
