"""Dead letters, their groups, the trash, and the ways back."""

from __future__ import annotations

import random

import pytest

from jobctl.store import Store
from jobctl.store.data import codec
from jobctl.store.data.found import Found
from tests.store.moves import QUEUE, Moves


def kill(moves: Moves, *ids: str, group: str = "g1") -> None:
    moves.enqueue(*ids)
    moves.bury(*moves.fetch_all(len(ids)), group=group)


def found(store: Store, *ids: str) -> list[Found]:
    return store.jobs.locate(QUEUE, ids)


def test_a_dead_letter_keeps_its_reason_and_its_group(moves: Moves, store: Store) -> None:
    kill(moves, "a")
    (group,) = store.dead.groups(QUEUE)
    assert (group.group, group.count, group.error) == ("g1", 1, "Boom")
    assert found(store, "a")[0].record.error == "Boom"


def test_the_last_of_a_group_takes_the_group_with_it(moves: Moves, store: Store) -> None:
    kill(moves, "a", "b")
    store.jobs.revive(QUEUE, [("a", "g1")])
    assert [group.count for group in store.dead.groups(QUEUE)] == [1]
    store.dead.discard(QUEUE, [("b", "g1")])
    assert store.dead.groups(QUEUE) == []


def test_what_is_discarded_can_be_restored_with_its_time_of_death(moves: Moves, store: Store) -> None:
    kill(moves, "a")
    assert store.dead.discard(QUEUE, [("a", "g1")]) == [True]
    assert moves.state("a") == "discarded"
    assert store.dead.restore(QUEUE, found(store, "a")) == [True]
    assert moves.state("a") == "dead"


def test_doing_it_twice_changes_nothing_the_second_time(moves: Moves, store: Store) -> None:
    kill(moves, "a")
    assert store.dead.discard(QUEUE, [("a", "g1")]) == [True]
    assert store.dead.discard(QUEUE, [("a", "g1")]) == [False]
    assert store.jobs.revive(QUEUE, [("a", "g1")]) == [False]
    letters = found(store, "a")
    assert store.dead.restore(QUEUE, letters) == [True]
    assert store.dead.restore(QUEUE, letters) == [False]
    assert store.jobs.revive(QUEUE, [("a", "g1")]) == [True]
    assert store.jobs.revive(QUEUE, [("a", "g1")]) == [False]


def test_a_letter_that_died_again_of_something_else_is_not_taken_for_the_old_one(moves: Moves, store: Store) -> None:
    kill(moves, "a", group="old")
    store.jobs.revive(QUEUE, [("a", "old")])
    moves.bury(*moves.fetch(), group="new")
    assert store.dead.discard(QUEUE, [("a", "old")]) == [False]
    assert [group.group for group in store.dead.groups(QUEUE)] == ["new"]


def test_a_retried_letter_can_come_back_from_an_emptied_queue(moves: Moves, store: Store) -> None:
    kill(moves, "a")
    store.jobs.revive(QUEUE, [("a", "g1")])
    assert store.queues.empty(QUEUE) == (1, 0)
    assert store.dead.restore(QUEUE, found(store, "a")) == [True]
    assert moves.state("a") == "waiting"


def test_a_retried_letter_that_was_then_cancelled_can_be_retried(moves: Moves, store: Store) -> None:
    kill(moves, "a")
    store.jobs.revive(QUEUE, [("a", "g1")])
    moves.cancel("a")
    assert store.jobs.revive(QUEUE, [("a", "g1")]) == [True]
    assert moves.state("a") == "waiting"


def test_emptying_takes_a_bounded_batch_of_every_kind_and_it_all_comes_back(moves: Moves, store: Store) -> None:
    moves.enqueue(*(f"w{i}" for i in range(7)))
    moves.enqueue(*(f"p{i}" for i in range(7)), priority=5)
    moves.enqueue(*(f"d{i}" for i in range(7)), delay_ms=60_000)
    assert store.queues.empty(QUEUE, limit=5) == (5, 16)
    while store.queues.empty(QUEUE, limit=5)[1]:
        pass
    ids = [f"{kind}{i}" for kind in "wpd" for i in range(7)]
    assert {moves.state(i) for i in ids} == {"discarded"}
    assert all(store.dead.restore(QUEUE, found(store, *ids)))
    assert {moves.state(i) for i in ids if i.startswith("d")} == {"delayed"}
    assert sorted(moves.fetch_ids(30)) == sorted(i for i in ids if not i.startswith("d"))


def test_named_jobs_go_to_the_trash_from_wherever_they_wait_and_come_back(moves: Moves, store: Store) -> None:
    moves.enqueue("w", "stays")
    moves.enqueue("p", priority=5)
    moves.enqueue("d", delay_ms=60_000)
    [before] = found(store, "d")
    assert store.queues.trash(QUEUE, ["w", "p", "d", "none", "w"]) == [True, True, True, False, False]
    assert {moves.state(i) for i in ("w", "p", "d")} == {"discarded"}
    assert store.client.zscore(store.keys.due(), QUEUE) is None
    assert all(store.dead.restore(QUEUE, found(store, "w", "p", "d")))
    assert found(store, "d")[0].detail == before.detail
    assert sorted(moves.fetch_ids(9)) == ["p", "stays", "w"]
    assert store.queues.trash(QUEUE, ["w"]) == [False]
    assert moves.state("w") == "running"


def test_a_running_job_is_not_emptied(moves: Moves, store: Store) -> None:
    moves.enqueue("a", "b")
    moves.fetch()
    assert store.queues.empty(QUEUE) == (1, 0)
    assert (moves.state("a"), moves.state("b")) == ("running", "discarded")


def test_the_trash_expires_and_the_dead_do_not(moves: Moves, store: Store) -> None:
    kill(moves, "a", "b")
    store.dead.discard(QUEUE, [("a", "g1")])
    store.client.zadd(store.keys.trash(QUEUE), {"a": 1})
    store.client.zadd(store.keys.dead(QUEUE), {"b": 1})
    assert store.queues.expire(QUEUE, keep_ms=0, keep_count=0).trashed == 1
    assert (moves.state("a"), moves.state("b")) == ("", "dead")


@pytest.mark.parametrize("spread", [1, 3, 10_000])
def test_a_scan_gives_each_letter_once_however_many_died_in_one_millisecond(
    moves: Moves, store: Store, spread: int
) -> None:
    chance = random.Random(spread)
    ids = [f"j{i}" for i in range(3000)]
    for start in range(0, len(ids), 500):
        kill(moves, *ids[start : start + 500])
    times = {job_id: 1_000_000 + chance.randrange(spread) for job_id in ids}
    store.client.zadd(store.keys.dead(QUEUE), times)
    seen = [letter.id for page in store.dead.scan(QUEUE) for letter in page]
    assert len(seen) == 3000
    assert set(seen) == set(ids)
    assert [times[i] for i in seen] == sorted(times.values(), reverse=True)


def test_a_scan_that_takes_away_what_it_reads_misses_nothing(moves: Moves, store: Store) -> None:
    ids = [f"j{i}" for i in range(1500)]
    for start in range(0, len(ids), 500):
        kill(moves, *ids[start : start + 500])
    store.client.zadd(store.keys.dead(QUEUE), dict.fromkeys(ids, 5))
    taken = 0
    for page in store.dead.scan(QUEUE):
        taken += sum(store.jobs.revive(QUEUE, [(letter.id, "g1") for letter in page]))
    assert taken == 1500


def test_a_scan_of_a_time_span_keeps_to_it(moves: Moves, store: Store) -> None:
    ids = [f"j{i}" for i in range(10)]
    kill(moves, *ids)
    store.client.zadd(store.keys.dead(QUEUE), {job_id: i for i, job_id in enumerate(ids)})
    span = [letter.id for page in store.dead.scan(QUEUE, since_ms=3, until_ms=5) for letter in page]
    assert span == ["j4", "j3"]


def test_a_record_that_cannot_be_read_hides_no_letter(moves: Moves, store: Store) -> None:
    kill(moves, "a")
    store.client.hset(store.keys.records(QUEUE), "a", b"\xff{")
    assert [letter.record for page in store.dead.scan(QUEUE) for letter in page] == [codec.Record()]


def test_a_retry_is_not_taken_back_once_the_job_has_failed_again(moves: Moves, store: Store) -> None:
    kill(moves, "a")
    store.jobs.revive(QUEUE, [("a", "g1")])
    seen = found(store, "a")
    [job] = moves.fetch()
    moves.retry(job)
    assert store.dead.rebury(QUEUE, seen) == [False]
    assert moves.state("a") == "retrying"


def test_a_cancel_that_came_later_is_not_taken_back(moves: Moves, store: Store) -> None:
    moves.enqueue("a", "b")
    moves.cancel("a", "b")
    at = int(store.client.zscore(store.keys.cancelled(QUEUE), "a"))
    assert store.jobs.uncancel(QUEUE, [("a", "waiting")], at - 1) == [False]
    assert store.jobs.uncancel(QUEUE, [("b", "waiting")], at + 1_000) == [True]
    assert (moves.state("a"), moves.state("b")) == ("cancelled", "waiting")
