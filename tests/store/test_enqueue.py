"""Enqueueing: an id is one job, however often it is sent; and when ended jobs and their ids are forgotten."""

from __future__ import annotations

import pytest

from jobctl.store import Store
from tests.store.moves import QUEUE, Moves

MINUTE = 60_000


def finish(moves: Moves, *ids: str, keep_ms: int = 86_400_000, keep_count: int = 100_000) -> None:
    moves.enqueue(*ids)
    moves.complete(*moves.fetch(len(ids)), keep_ms=keep_ms, keep_count=keep_count)


@pytest.mark.parametrize("where", ["waiting", "running", "retrying", "delayed", "ordered", "dead", "trash"])
def test_an_id_that_lives_is_left_alone(moves: Moves, store: Store, where: str) -> None:
    moves.enqueue("a", delay_ms=MINUTE if where == "delayed" else None, priority=5 if where == "ordered" else 0)
    jobs = moves.fetch() if where in ("running", "retrying", "dead", "trash") else []
    if where == "retrying":
        moves.retry(*jobs)
    if where in ("dead", "trash"):
        moves.bury(*jobs)
    if where == "trash":
        store.dead.discard(QUEUE, [("a", "g1")])
    before = moves.state("a")
    assert moves.enqueue("a", priority=-10) == [False]
    assert moves.state("a") == before


def test_an_id_given_twice_in_one_call_is_one_job(moves: Moves) -> None:
    assert moves.enqueue("a", "b", "a") == [True, True, False]
    assert moves.fetch_ids(5) == ["a", "b"]


@pytest.mark.parametrize("way", ["completed", "cancelled"])
def test_an_ended_id_is_known_for_ten_minutes_and_free_afterwards(moves: Moves, store: Store, way: str) -> None:
    if way == "completed":
        finish(moves, "a")
    else:
        moves.enqueue("a")
        moves.cancel("a")
    assert moves.enqueue("a") == [False]
    key = getattr(store.keys, way)(QUEUE)
    store.client.zadd(key, {"a": store.processes.now_ms() - 9 * MINUTE})
    assert moves.enqueue("a") == [False]
    store.client.zadd(key, {"a": store.processes.now_ms() - 11 * MINUTE})
    assert moves.enqueue("a") == [True]
    assert moves.state("a") == "waiting"


@pytest.mark.parametrize(("keep_ms", "keep_count"), [(-1, 100), (0, 0), (MINUTE, 0)])
def test_an_id_is_known_for_ten_minutes_though_its_job_was_not_kept(
    moves: Moves, store: Store, keep_ms: int, keep_count: int
) -> None:
    finish(moves, "a", keep_ms=keep_ms, keep_count=keep_count)
    assert moves.state("a") == ""
    assert moves.enqueue("a") == [False]
    store.client.zadd(store.keys.remembered(QUEUE), {"a": store.processes.now_ms() - 11 * MINUTE})
    assert moves.enqueue("a") == [True]


def test_remembered_ids_are_forgotten_in_time(moves: Moves, store: Store) -> None:
    finish(moves, *(f"j{i}" for i in range(50)), keep_count=0)
    for i in range(50):
        store.client.zadd(store.keys.remembered(QUEUE), {f"j{i}": 1})
    store.queues.expire(QUEUE, 86_400_000, 100)
    assert store.client.zcard(store.keys.remembered(QUEUE)) == 0


def test_completed_jobs_are_kept_by_count_the_latest_of_them(moves: Moves, store: Store) -> None:
    for i in range(30):
        finish(moves, f"j{i}", keep_count=10)
    kept = [i.decode() for i in store.client.zrange(store.keys.completed(QUEUE), 0, -1)]
    assert len(kept) == 10
    assert "j29" in kept


def test_completed_jobs_are_kept_by_age(moves: Moves, store: Store) -> None:
    finish(moves, "old")
    store.client.zadd(store.keys.completed(QUEUE), {"old": store.processes.now_ms() - 2 * MINUTE})
    finish(moves, "young", keep_ms=MINUTE)
    assert [moves.state(i) for i in ("old", "young")] == ["", "completed"]


def test_a_smaller_keep_shrinks_what_is_there_by_more_than_comes(moves: Moves, store: Store) -> None:
    finish(moves, *(f"j{i}" for i in range(100)))
    finish(moves, "x", keep_count=5)
    first = store.client.zcard(store.keys.completed(QUEUE))
    assert first < 100
    store.queues.expire(QUEUE, 86_400_000, 5)
    assert store.client.zcard(store.keys.completed(QUEUE)) == 5


def test_a_removed_job_leaves_nothing_but_its_young_id(moves: Moves, store: Store) -> None:
    moves.enqueue("a", priority=5)
    moves.complete(*moves.fetch())
    assert store.jobs.remove(QUEUE, ["a"]) == [True]
    for name in ("archive", "records", "priorities", "completed"):
        assert not store.client.exists(getattr(store.keys, name)(QUEUE)), name
    assert moves.enqueue("a") == [False]


def test_a_delay_counts_on_the_clock_of_redis(moves: Moves, store: Store) -> None:
    before = store.processes.now_ms()
    moves.enqueue("a", delay_ms=MINUTE)
    due = store.client.zscore(store.keys.delayed(QUEUE), "a")
    assert before + MINUTE <= due <= store.processes.now_ms() + MINUTE


def test_a_delay_below_zero_is_none(moves: Moves) -> None:
    moves.enqueue("a", delay_ms=-5)
    assert moves.state("a") == "waiting"
