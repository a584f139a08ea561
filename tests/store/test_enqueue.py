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
    store.client.zadd(store.keys.known(QUEUE), {"a": store.processes.now_ms() - MINUTE})
    assert moves.enqueue("a") == [True]


def known_for(store: Store, job_id: str) -> float:
    """For how many minutes the id of a deleted job is still known."""
    till = store.client.zscore(store.keys.known(QUEUE), job_id)
    return 0.0 if till is None else (till - store.processes.now_ms()) / MINUTE


@pytest.mark.parametrize("by", ["count", "age", "clean-up"])
def test_an_id_that_a_producer_chose_is_known_for_as_long_as_the_queue_keeps_jobs(
    moves: Moves, store: Store, by: str
) -> None:
    """A repeated `charge --id order-7` must not charge twice because many other jobs have completed since."""
    moves.enqueue("order-7", named=True)
    moves.enqueue("unnamed")
    keep_ms = -1 if by == "age" else 60 * MINUTE
    for job in moves.fetch(2):
        moves.complete(job, keep_ms=keep_ms, keep_count=100 if by == "clean-up" else 0)
    if by == "clean-up":
        store.queues.expire(QUEUE, keep_ms, 0)
    assert (moves.state("order-7"), moves.state("unnamed")) == ("", "")
    assert known_for(store, "order-7") == pytest.approx(10 if by == "age" else 60, abs=0.5)
    assert known_for(store, "unnamed") == pytest.approx(10, abs=0.5)
    assert moves.enqueue("order-7", named=True) == [False]


def test_an_id_that_a_producer_chose_is_known_as_long_as_its_job_is_there(moves: Moves, store: Store) -> None:
    moves.enqueue("order-7", named=True)
    finish_one = moves.fetch()
    moves.complete(*finish_one)
    store.client.zadd(store.keys.completed(QUEUE), {"order-7": store.processes.now_ms() - 600 * MINUTE})
    assert moves.enqueue("order-7", named=True) == [False]
    assert moves.state("order-7") == "completed"


@pytest.mark.parametrize("named", [True, False])
def test_an_id_in_the_form_of_a_uuid_is_as_good_as_any_other(moves: Moves, store: Store, named: bool) -> None:
    """What counts is who chose it: Dramatiq's producers give every message one."""
    moves.enqueue("6a1f0f4e-7a53-4b0e-9d5e-3f1f6f3a2b11", named=named)
    moves.complete(*moves.fetch(), keep_ms=60 * MINUTE, keep_count=0)
    [till] = store.client.zrange(store.keys.known(QUEUE), 0, -1)
    assert known_for(store, till.decode()) == pytest.approx(60 if named else 10, abs=0.5)


def test_deleting_a_job_by_hand_frees_its_id_after_ten_minutes(moves: Moves, store: Store) -> None:
    moves.enqueue("order-7", named=True)
    moves.complete(*moves.fetch())
    assert store.jobs.remove(QUEUE, ["order-7"]) == [True]
    assert known_for(store, "order-7") == pytest.approx(10, abs=0.5)


def test_what_a_known_id_costs(moves: Moves, store: Store) -> None:
    """docs/redis.md says so: it is what grows with a queue's throughput and the age of `keep`."""
    before = store.client.info("memory")["used_memory"]
    for start in range(0, 32_768, 1_024):
        store.client.zadd(store.keys.known(QUEUE), {f"order-{start + n}": start + n for n in range(1_024)})
    assert (store.client.info("memory")["used_memory"] - before) / 32_768 < 130


def test_remembered_ids_are_forgotten_in_time(moves: Moves, store: Store) -> None:
    finish(moves, *(f"j{i}" for i in range(50)), keep_count=0)
    for i in range(50):
        store.client.zadd(store.keys.known(QUEUE), {f"j{i}": 1})
    store.queues.expire(QUEUE, 86_400_000, 100)
    assert store.client.zcard(store.keys.known(QUEUE)) == 0


def test_completed_jobs_are_kept_by_count_the_latest_of_them(moves: Moves, store: Store) -> None:
    for i in range(30):
        finish(moves, f"j{i}", keep_count=10)
    kept = [i.decode() for i in store.client.zrange(store.keys.completed(QUEUE), 0, -1)]
    assert len(kept) == 10
    assert "j29" in kept


def test_completed_jobs_are_kept_by_age(moves: Moves, store: Store) -> None:
    finish(moves, "old")
    store.client.zadd(store.keys.completed(QUEUE), {"old": store.processes.now_ms() - 2 * MINUTE})
    store.client.delete(store.keys.ended(QUEUE))  # as five seconds later
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
