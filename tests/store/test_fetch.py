"""What fetch hands out, in which order, and what it leaves behind."""

from __future__ import annotations

import random
import threading
from typing import Any

import pytest

from jobctl.store import Store
from jobctl.store.data.codec import Body, encode
from jobctl.store.nouns.pauses import Pause
from tests.store.moves import QUEUE, Moves, body
from tests.support import eventually


def test_jobs_come_in_the_order_in_which_they_were_enqueued(moves: Moves) -> None:
    moves.enqueue(*(f"j{i}" for i in range(9)))
    assert moves.fetch_ids(4) + moves.fetch_ids(9) == [f"j{i}" for i in range(9)]


def test_lower_priorities_come_first_and_each_is_first_in_first_out(moves: Moves) -> None:
    for job_id, priority in (("low1", 10), ("mid1", 0), ("high1", -10), ("low2", 10), ("high2", -10), ("mid2", 0)):
        moves.enqueue(job_id, priority=priority)
    assert moves.fetch_ids(10) == ["high1", "high2", "mid1", "mid2", "low1", "low2"]


def test_each_attempt_has_a_token_of_its_own(moves: Moves) -> None:
    moves.enqueue("a", "b")
    first = moves.fetch(2)
    moves.requeue(*first)
    assert len({job.token for job in first + moves.fetch(2)}) == 4


@pytest.mark.parametrize("priorities", [(-10, 0), (0, 10), (5, 10), (-10, -5)])
@pytest.mark.parametrize("want", [1, 3, 40])
def test_of_sixteen_started_one_is_of_the_last_priority(moves: Moves, priorities: tuple[int, int], want: int) -> None:
    first, last = priorities
    moves.enqueue(*(f"last{i}" for i in range(12)), priority=last)
    started: list[str] = []
    for round_ in range(120 // want + 1):
        moves.enqueue(*(f"first{round_}.{i}" for i in range(want)), priority=first)
        started += moves.fetch_ids(want)
    for at in range(0, 100, 16):
        assert any(job_id.startswith("last") for job_id in started[at : at + 16]), started[at : at + 16]


def test_another_queue_does_not_use_up_the_turn_of_the_last_priority(moves: Moves) -> None:
    moves.enqueue("last", priority=10)
    started: list[str] = []
    for i in range(16):
        moves.enqueue(f"first{i}", priority=-10)
        moves.enqueue(*(f"o{i}.{j}" for j in range(15)), queue="other")
        moves.fetch_ids(15, queues=["other"])
        started += moves.fetch_ids()
    assert "last" in started


def test_queues_are_asked_in_the_order_given(moves: Moves) -> None:
    moves.enqueue("a1", "a2", queue="a")
    moves.enqueue("b1", "b2", queue="b")
    assert moves.fetch_ids(3, queues=["b", "a"]) == ["b1", "b2", "a1"]


def test_a_paused_queue_hands_out_nothing_until_its_time_is_over(moves: Moves, store: Store) -> None:
    moves.enqueue("a")
    store.pauses.pause(QUEUE, Pause(0, "why", "me"))
    assert moves.fetch_ids() == []
    store.pauses.pause(QUEUE, Pause(store.processes.now_ms() + 60_000, "why", "me"))
    assert moves.fetch_ids() == []
    store.pauses.pause(QUEUE, Pause(store.processes.now_ms() - 1, "why", "me"))
    assert moves.fetch_ids() == ["a"]


def test_a_pause_of_one_queue_leaves_the_others_alone(moves: Moves, store: Store) -> None:
    moves.enqueue("a", queue="a")
    moves.enqueue("b", queue="b")
    store.pauses.pause("a", Pause(0, "why", "me"))
    assert moves.fetch_ids(5, queues=["a", "b"]) == ["b"]


def test_a_look_around_finds_nothing_to_do_in_what_is_paused(moves: Moves, store: Store) -> None:
    def seen() -> bool:
        hinted, found = (store.queues.peek(["a", "b"], pauses=hint) for hint in (True, False))
        assert hinted == found
        return found.waiting

    moves.enqueue("a", queue="a")
    store.pauses.pause("b", Pause(0, "why", "me"))
    assert seen()
    store.pauses.pause("a", Pause(store.processes.now_ms() + 60_000, "why", "me"))
    assert not seen()
    moves.enqueue("b", queue="b")
    store.pauses.resume("b", ["b"])
    assert seen()
    store.pauses.pause("*", Pause(0, "why", "me"))
    assert not seen()
    store.pauses.pause("*", Pause(store.processes.now_ms() - 1, "why", "me"))
    assert seen()
    assert store.pauses.resume("*", []) is store.pauses.resume("a", []) is True
    assert seen()
    assert not store.queues.peek(["c"], pauses=True).waiting


def test_a_pause_that_cannot_be_read_holds_and_harms_no_other_queue(moves: Moves, store: Store) -> None:
    moves.enqueue("a", queue="a")
    moves.enqueue("b", queue="b")
    store.client.hset(store.keys.paused(), "a", "rubbish")
    assert moves.fetch_ids(5, queues=["a", "b"]) == ["b"]


def test_resuming_wakes_once_however_often(moves: Moves, store: Store) -> None:
    for _ in range(5):
        store.pauses.resume(QUEUE, [QUEUE])
    assert store.client.llen(store.keys.wake(QUEUE)) == 1


def test_due_jobs_come_with_the_fetch_and_others_do_not(moves: Moves, store: Store) -> None:
    now = store.processes.now_ms()
    moves.enqueue("due", at_ms=now - 5)
    moves.enqueue("later", at_ms=now + 60_000)
    fetched = store.settle.fetch("w", [QUEUE], 5)
    assert [job.id for job in fetched.jobs] == ["due"]
    assert fetched.next_due_ms == now + 60_000


def test_a_thousand_due_queues_that_nobody_serves_hold_back_no_other(moves: Moves, store: Store) -> None:
    now = store.processes.now_ms()
    for i in range(1100):
        moves.enqueue("x", queue=f"q{i}", at_ms=now - 60_000)
    moves.enqueue("mine", at_ms=now - 5)
    assert moves.fetch_ids(5) == ["mine"]


def test_more_due_jobs_than_one_fetch_promotes_are_asked_for_at_once(moves: Moves, store: Store) -> None:
    now = store.processes.now_ms()
    moves.enqueue(*(f"j{i}" for i in range(450)), at_ms=now - 5)
    fetched = store.settle.fetch("w", [QUEUE], 10)
    assert fetched.next_due_ms <= fetched.now_ms


@pytest.mark.parametrize("options", [{}, {"priority": 5}, {"lane": "c:act\nR"}])
def test_no_more_due_jobs_are_promoted_than_there_is_room_for_and_a_few(
    moves: Moves, store: Store, options: dict[str, Any]
) -> None:
    queues = [f"q{i}" for i in range(8)]
    for queue in queues:
        moves.enqueue(*(f"j{i}" for i in range(100)), queue=queue, at_ms=store.processes.now_ms() - 5, **options)
    assert len(moves.fetch(1, queues=queues)) == 1
    still = [row.delayed for row in store.queues.depth(queues)]
    assert still == [83, *[100] * 7]
    assert all(store.client.llen(store.keys.wake(queue)) == 1 for queue in queues), "another worker may have room"
    assert len(moves.fetch(50, queues=queues[1:])) == 50


def test_bodies_count_by_their_size(moves: Moves, store: Store) -> None:
    for i in range(9):
        moves.enqueue(f"j{i}", payload={"text": "x" * 1_000_000})
    seen = []
    while len(seen) < 9:
        fetched = store.settle.fetch("w", [QUEUE], 9)
        assert 1 <= len(fetched.jobs) <= 3
        assert len(seen) + len(fetched.jobs) == 9 or fetched.next_due_ms == fetched.now_ms
        seen += [job.id for job in fetched.jobs]
    assert seen == [f"j{i}" for i in range(9)]


@pytest.mark.parametrize("options", [{}, {"priority": 5}, {"lane": "c:act"}])
def test_one_body_that_is_larger_than_a_call_may_bring_comes_alone(moves: Moves, options: dict[str, Any]) -> None:
    moves.enqueue("small", **options)
    moves.enqueue("large", payload={"text": "x" * 8_000_000}, **options)
    moves.enqueue("last", **options)
    assert [moves.fetch_ids(5) for _ in range(3)] == [["small"], ["large"], ["last"]]


def test_what_one_call_may_do_is_shared_by_its_queues(moves: Moves, store: Store) -> None:
    """A queue of which nothing may go costs the others one call, not each."""
    store.limits.define("held", {"c:act": "0"})
    for i in range(2_000):
        moves.enqueue(f"j{i}", queue="held", lane=f"c:act|{i}")
    moves.enqueue("mine")
    fetched = store.settle.fetch("w", ["held", QUEUE], 1)
    assert [job.id for job in fetched.jobs] == ["mine"]


def test_an_entry_that_a_cancelled_job_left_is_skipped_and_uncounted(moves: Moves, store: Store) -> None:
    moves.enqueue("a", "b", "c")
    moves.cancel("a", "b")
    assert moves.waiting() == 1
    assert moves.fetch_ids(5) == ["c"]
    assert store.client.get(store.keys.stale(QUEUE)) is None


def test_cancelling_and_reviving_many_times_runs_the_job_once(moves: Moves, store: Store) -> None:
    moves.enqueue("a", "b")
    for _ in range(30):
        moves.cancel("a")
        store.jobs.revive(QUEUE, [("a", "")])
    assert moves.waiting() == 2
    jobs = moves.fetch(50)
    assert sorted(job.id for job in jobs) == ["a", "b"]
    assert moves.waiting() == 0
    moves.retry(*jobs)
    assert moves.fetch(50) == []


def test_more_stale_entries_than_a_fetch_may_skip_only_take_more_fetches(moves: Moves, store: Store) -> None:
    ids = [f"j{i}" for i in range(2500)]
    for at in range(0, 2500, 500):
        moves.enqueue(*ids[at : at + 500])
    moves.cancel(*ids[:-1])
    fetched = store.settle.fetch("w", [QUEUE], 1)
    assert fetched.jobs == ()
    assert 0 < fetched.next_due_ms <= fetched.now_ms
    assert store.client.llen(store.keys.wake(QUEUE)) == 1
    assert moves.waiting() == 1
    assert [job_id for _ in range(9) for job_id in moves.fetch_ids()] == [ids[-1]]


def test_an_id_that_a_stock_client_pushed_twice_does_not_run_while_it_waits_for_its_retry(
    moves: Moves, store: Store
) -> None:
    store.client.hset(store.keys.bodies(QUEUE), "twice", body("twice"))
    store.client.rpush(store.keys.ready(QUEUE), "twice", "twice")
    first = moves.fetch()
    moves.retry(*first)
    assert moves.fetch(5) == []
    assert moves.state("twice") == "retrying"


def test_entries_pushed_twice_among_stale_ones_leave_a_true_count(moves: Moves, store: Store) -> None:
    store.client.hset(store.keys.bodies(QUEUE), "twice", body("twice"))
    store.client.rpush(store.keys.ready(QUEUE), "twice", "twice")
    moves.enqueue("a", "b")
    moves.cancel("a")
    assert len(moves.fetch(10)) == 2
    moves.enqueue("c")
    assert moves.waiting() == 1


def test_a_count_of_stale_entries_that_is_too_high_is_set_right(moves: Moves, store: Store) -> None:
    store.client.set(store.keys.stale(QUEUE), 7)
    moves.fetch()
    moves.enqueue("a")
    assert moves.waiting() == 1


def test_an_old_entry_in_the_list_does_not_start_a_job_that_waits_in_the_ordered_set(
    moves: Moves, store: Store
) -> None:
    moves.enqueue("a")
    moves.cancel("a")
    store.jobs.remove(QUEUE, ["a"])
    store.client.delete(store.keys.known(QUEUE))
    moves.enqueue("a", priority=10)
    moves.enqueue("b")
    assert moves.fetch_ids() == ["b"]
    assert moves.fetch_ids() == ["a"]


def test_an_id_that_is_not_text_goes_on_under_one_that_is(moves: Moves, store: Store) -> None:
    raw = b"\xff\xfe id"
    store.client.hset(store.keys.bodies(QUEUE), raw, encode(Body(QUEUE, "act", [], {}, {}, "m", 0)))
    store.client.rpush(store.keys.ready(QUEUE), raw)
    (job,) = moves.fetch()
    assert job.id == f"x{raw.hex()}-{job.token}"
    assert moves.state(job.id) == "running"
    assert moves.complete(job) == []
    assert moves.state(job.id) == "completed"


def test_a_job_wakes_one_of_two_who_wait(moves: Moves, store: Store) -> None:
    woken: list[int] = []

    def wait(number: int) -> None:
        if store.block([store.keys.wake(QUEUE)], 1.0):
            woken.append(number)

    threads = [threading.Thread(target=wait, args=(n,)) for n in range(2)]
    for thread in threads:
        thread.start()
    eventually(lambda: store.client.info("clients")["blocked_clients"] == 2)
    moves.enqueue("a")
    eventually(lambda: len(woken) == 1)
    assert moves.fetch_ids() == ["a"]
    for thread in threads:
        thread.join()
    assert len(woken) == 1


def test_whoever_leaves_jobs_behind_wakes_the_next(moves: Moves, store: Store) -> None:
    moves.enqueue("a", "b")
    assert store.block([store.keys.wake(QUEUE)], 0.1)
    moves.fetch(1)
    assert store.block([store.keys.wake(QUEUE)], 0.1)
    moves.fetch(1)
    assert not store.block([store.keys.wake(QUEUE)], 0.01)


def test_an_earlier_due_time_wakes_and_a_later_one_does_not(moves: Moves, store: Store) -> None:
    now, wake = store.processes.now_ms(), [store.keys.wake(QUEUE)]
    moves.enqueue("late", at_ms=now + 90_000)
    assert store.block(wake, 0.1)
    moves.enqueue("later", at_ms=now + 100_000)
    assert not store.block(wake, 0.01)
    moves.enqueue("soon", at_ms=now + 60_000)
    assert store.block(wake, 0.1)


def test_a_thousand_jobs_that_are_asked_for_at_once_come_in_their_order(moves: Moves) -> None:
    ids = [f"j{i}" for i in range(1000)]
    random.shuffle(ids)
    assert all(moves.enqueue(*ids, priority=3))
    jobs = moves.fetch_all(1000)
    assert [job.id for job in jobs] == ids
    assert moves.complete(*jobs, keep_count=0) == []
