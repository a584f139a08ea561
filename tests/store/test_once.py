"""Side effects that are done once, whatever becomes of the attempt that does them."""

from __future__ import annotations

import pytest

from jobctl.store import Store
from jobctl.store.nouns.once import OnceState
from jobctl.store.nouns.settle import Reserved
from tests.store.moves import QUEUE, Moves, body

KEY, MINUTE = "charge:42 |x", 60_000


def take(store: Store, step: str, job: Reserved, value: str = "") -> OnceState:
    return store.once.step(step, KEY, job.queue, job.id, job.token, value, MINUTE)


@pytest.fixture
def jobs(moves: Moves) -> tuple[Reserved, Reserved]:
    moves.enqueue("a", "b")
    a, b = moves.fetch(2)
    return a, b


def test_what_is_done_is_done_for_everybody_and_says_by_whom(store: Store, jobs: tuple[Reserved, Reserved]) -> None:
    a, b = jobs
    assert take(store, "begin", a) == OnceState("mine")
    assert take(store, "done", a, '{"x": "y|z é"}') == OnceState("mine")
    for job in (a, b):
        assert take(store, "begin", job) == OnceState("done", "a", '{"x": "y|z é"}')


def test_each_step_may_be_repeated(store: Store, jobs: tuple[Reserved, Reserved]) -> None:
    a, _ = jobs
    assert [take(store, "begin", a).state for _ in range(2)] == ["mine", "mine"]
    assert [take(store, "done", a, "1").state for _ in range(2)] == ["mine", "done"]


def test_while_one_is_at_it_another_waits(store: Store, jobs: tuple[Reserved, Reserved]) -> None:
    a, b = jobs
    take(store, "begin", a)
    assert take(store, "begin", b) == OnceState("busy", "a")
    assert take(store, "done", b).state == "busy"
    take(store, "undo", a)
    assert take(store, "begin", b) == OnceState("mine")


@pytest.mark.parametrize("end", ["complete", "retry", "requeue", "bury"])
def test_what_an_attempt_began_that_is_over_is_begun_anew(
    moves: Moves, store: Store, jobs: tuple[Reserved, Reserved], end: str
) -> None:
    a, b = jobs
    take(store, "begin", a)
    getattr(moves, end)(a)
    assert take(store, "begin", b) == OnceState("mine")
    assert take(store, "done", a) == OnceState("late")


def test_an_older_attempt_of_the_same_job_is_late(moves: Moves, store: Store, jobs: tuple[Reserved, Reserved]) -> None:
    a, _ = jobs
    take(store, "begin", a)
    moves.requeue(a, crashed=True)
    [again] = moves.fetch()
    assert take(store, "begin", again) == OnceState("mine")
    for step in ("begin", "done", "undo"):
        assert take(store, step, a) == OnceState("late")
    assert take(store, "done", again) == OnceState("mine")


def test_jobs_of_other_queues_count_as_well(moves: Moves, store: Store, jobs: tuple[Reserved, Reserved]) -> None:
    moves.enqueue("c", queue="other")
    [c] = moves.fetch(queues=["other"])
    take(store, "begin", c)
    assert take(store, "begin", jobs[0]) == OnceState("busy", "c")


def test_the_id_of_a_stock_message_may_be_any_printable_text(
    moves: Moves, store: Store, jobs: tuple[Reserved, Reserved]
) -> None:
    odd = "x|y|z:%d"
    store.client.hset(store.keys.bodies(QUEUE), odd, body(odd))
    store.client.rpush(store.keys.ready(QUEUE), odd)
    [job] = moves.fetch()
    take(store, "begin", job)
    assert take(store, "begin", jobs[0]) == OnceState("busy", odd)
    take(store, "done", job, "1")
    assert take(store, "begin", jobs[0]) == OnceState("done", odd, "1")


def test_what_is_done_is_forgotten_in_its_time(store: Store, jobs: tuple[Reserved, Reserved]) -> None:
    take(store, "begin", jobs[0])
    take(store, "done", jobs[0])
    [key] = store.client.keys(f"{store.keys.once()}:*")
    assert 0 < store.client.pttl(key) <= MINUTE


def test_at_maxmemory_what_was_begun_can_be_ended(store: Store, jobs: tuple[Reserved, Reserved]) -> None:
    take(store, "begin", jobs[0])
    store.client.config_set("maxmemory-policy", "noeviction")
    store.client.config_set("maxmemory", "1mb")
    try:
        assert take(store, "done", jobs[0]) == OnceState("mine")
    finally:
        store.client.config_set("maxmemory", "0")
