"""Concurrency: who leaves a slot and who gets it; who is woken; pauses of a type; a full server."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from jobctl.store import Store
from jobctl.store.nouns.pauses import Pause, of_type
from jobctl.store.nouns.settle import Reserved
from tests.store.hourglass import HOUR, held, is_woken, pass_time, sleep, work
from tests.store.moves import QUEUE, Moves

MINUTE = 60_000


# Concurrency

ENDS: dict[str, Callable[[Moves, Reserved], object]] = {
    "complete": lambda moves, job: moves.complete(job),
    "retry": lambda moves, job: moves.retry(job),
    "bury": lambda moves, job: moves.bury(job),
    "cancelled": lambda moves, job: (moves.cancel(job.id), moves.cancelled(job)),
    "given back": lambda moves, job: moves.requeue(job),
    "recovered": lambda moves, job: moves.requeue(job, crashed=True),
    "slowed": lambda moves, job: moves.requeue(job, pause_ms=60_000),
    "moved": lambda moves, job: moves.requeue(job, lane="c:act\np:act"),
}


@pytest.mark.parametrize("end", ENDS)
def test_every_end_frees_the_slot_once_and_wakes_who_waits_for_it(moves: Moves, store: Store, end: str) -> None:
    store.limits.define(QUEUE, {"c:act": "2"})
    moves.enqueue("a", "b", lane="c:act")
    jobs = moves.fetch(5)
    moves.enqueue("c", "d", lane="c:act\nR")
    assert moves.fetch(5) == []
    sleep(store)
    for _ in range(2):
        ENDS[end](moves, jobs[0])
    assert is_woken(store)
    assert held(store, "c:act") <= store.processes.now_ms()
    assert len(moves.fetch(5)) == 1
    assert {row.limit: row.used for row in store.limits.rows(QUEUE)}["c:act"] == 2


def test_a_job_that_gets_its_lane_only_when_it_was_fetched_held_no_slot(moves: Moves, store: Store) -> None:
    store.limits.define(QUEUE, {"c:act": "1"})
    moves.enqueue("old")
    moves.enqueue("new", lane="c:act")
    assert sorted(moves.fetch_ids(5)) == ["new", "old"]
    old = next(j for j in store.jobs.locate(QUEUE, ["old"]))
    moves.requeue(Reserved(QUEUE, "old", old.token, b"", b"", 0), lane="c:act")
    assert moves.fetch(5) == []


def test_a_slot_that_a_lane_cannot_use_is_anothers(moves: Moves, store: Store) -> None:
    store.limits.define(QUEUE, {"C": "1", "r:slow": f"1 {HOUR} 1 smooth"})
    moves.enqueue("first", lane="C")
    running = moves.fetch()
    moves.enqueue("slow", lane="C\nr:slow")
    moves.enqueue("free", lane="C\nr:free")
    moves.enqueue("other", lane="r:slow")
    assert moves.fetch_ids(5) == ["other"]
    moves.complete(*running)
    assert moves.fetch_ids(1) == ["free"]


# Wake-ups


def test_room_that_one_worker_could_not_use_wakes_another(moves: Moves, store: Store) -> None:
    store.limits.define(QUEUE, {"C": "20"})
    moves.enqueue(*(f"x{i}" for i in range(20)), lane="C|x")
    moves.enqueue(*(f"y{i}" for i in range(20)), lane="C|y")
    running = moves.fetch(40)
    for i in range(10):
        moves.enqueue(f"z{i}", lane=f"C|x\nr:{i}")
    assert moves.fetch(5) == []
    moves.complete(*running)
    sleep(store)
    assert len(moves.fetch(2)) == 2
    assert is_woken(store)


def test_a_worker_with_one_free_place_looks_at_all_that_are_due(moves: Moves, store: Store) -> None:
    """A lane that never has to wait does not keep others waiting."""
    store.limits.define(QUEUE, {"c:busy": "1000", "r:slow": f"60 {HOUR} 1 smooth"})
    moves.enqueue(*(f"busy{i}" for i in range(50)), lane="c:busy")
    moves.enqueue("slow0", "slow1", lane="r:slow")
    assert "slow0" in moves.fetch_ids(4)
    moves.fetch(1)
    pass_time(store, 2 * MINUTE)
    assert "slow1" in moves.fetch_ids(1) + moves.fetch_ids(1) + moves.fetch_ids(1)


def test_a_fetch_wakes_nobody_for_lanes_that_it_has_looked_at(moves: Moves, store: Store) -> None:
    store.limits.define(QUEUE, {"R": f"2 {HOUR} 1 smooth", "C": "1"})
    for i in range(4):
        moves.enqueue(f"a{i}", lane=f"r:{i}\nR\nC")
        moves.enqueue(f"b{i}", lane=f"C\nr:{i}")
    moves.fetch(9)
    sleep(store)
    fetched = store.settle.fetch("w", [QUEUE], 9)
    assert fetched.jobs == ()
    assert not is_woken(store)
    assert fetched.next_due_ms > fetched.now_ms


def test_more_lanes_than_one_call_looks_at_are_gone_on_with_at_once(moves: Moves, store: Store) -> None:
    store.limits.define(QUEUE, {"r:act": f"1 {HOUR} 1 smooth"})
    for i in range(450):
        moves.enqueue(f"a{i}", f"b{i}", lane=f"r:act|{i}")
    taken = 0
    for _ in range(12):
        fetched = store.settle.fetch("w", [QUEUE], 1000)
        taken += len(fetched.jobs)
        if fetched.next_due_ms > fetched.now_ms:
            break
    assert taken == 450
    assert fetched.jobs == ()


def test_a_lane_that_empties_before_its_turn_passes_it_on(moves: Moves, store: Store) -> None:
    store.limits.define(QUEUE, {"c:act": "1"})
    moves.enqueue("a", lane="c:act")
    running = moves.fetch()
    moves.enqueue("b", lane="c:act\nr:x")
    moves.enqueue("c", lane="c:act\nr:y")
    moves.fetch(5)
    moves.complete(*running)
    moves.enqueue("urgent", priority=-10)
    assert moves.fetch_ids(1) == ["urgent"]  # and "b" has its turn now
    moves.cancel("b")
    assert is_woken(store)
    assert moves.fetch_ids(5) == ["c"]


# Pauses of a type


def test_a_paused_type_waits_without_an_attempt_and_goes_on_when_resumed(moves: Moves, store: Store) -> None:
    moves.enqueue("a", "b")
    store.pauses.pause(of_type("act"), Pause(0, "", "me"))
    fetched = store.settle.fetch("w", [QUEUE], 5)
    assert fetched.paused_types == {"act"}
    moves.requeue(*fetched.jobs, lane="p:act")
    assert [moves.state(i) for i in "ab"] == ["limited", "limited"]
    assert moves.fetch(5) == []
    store.pauses.resume(of_type("act"), [QUEUE])
    assert is_woken(store)
    assert moves.fetch_ids(5) == ["a", "b"]


@pytest.mark.parametrize("lane", ["p:act\nR", "r:act\nR", "c:act|k\nR", "p:act\nC"])
def test_a_paused_type_uses_up_nothing_of_its_queue(moves: Moves, store: Store, lane: str) -> None:
    store.limits.define(QUEUE, {"R": f"1 {HOUR} 1 smooth", "C": "1"})
    store.pauses.pause(of_type("act"), Pause(0, "", "me"))
    moves.enqueue("a", "b", "c", lane=lane)
    moves.enqueue("neighbour", lane=f"p:other\n{lane[-1]}")
    [neighbour] = moves.fetch(5)
    assert neighbour.id == "neighbour"
    moves.complete(neighbour)
    store.limits.reset(QUEUE, "R")
    assert moves.fetch(5) == []
    store.pauses.resume(of_type("act"), [QUEUE])
    assert moves.fetch_ids(5) == ["a"]


def test_a_pause_that_is_shortened_ends_when_it_says_now(moves: Moves, store: Store) -> None:
    now = store.processes.now_ms()
    store.pauses.pause(of_type("act"), Pause(now + 10 * HOUR, "", "me"))
    moves.enqueue("a", lane="p:act")
    assert moves.fetch() == []
    assert held(store, "p:act") <= store.processes.now_ms() + 30_001
    store.pauses.pause(of_type("act"), Pause(store.processes.now_ms() + 200, "", "me"))
    pass_time(store, 31_000)
    assert work(store, 1).ids == ["a"]


def test_a_pause_ends_by_itself(moves: Moves, store: Store) -> None:
    now = store.processes.now_ms()
    store.pauses.pause(of_type("act"), Pause(now + 200, "", "me"))
    moves.enqueue("a", lane="p:act")
    worked = work(store, 1)
    [(at, job_id)] = worked.started
    assert job_id == "a"
    assert at >= now + 200
    assert all(due <= now + 201 for _, due in worked.told)


# Memory


def test_at_maxmemory_limited_jobs_go_on(moves: Moves, store: Store) -> None:
    store.limits.define(QUEUE, {"R": f"1 {HOUR} 1 smooth"})
    moves.enqueue("a", "b", "c", lane="R")
    moves.fetch(5)
    pass_time(store, HOUR)
    store.client.config_set("maxmemory-policy", "noeviction")
    store.client.config_set("maxmemory", "1mb")
    try:
        assert moves.fetch_ids(5) == ["b"]
        store.limits.look_again(QUEUE, "R")
        assert moves.fetch_ids(5) == []
    finally:
        store.client.config_set("maxmemory", "0")


@pytest.mark.parametrize(
    ("spec", "behind"),
    [("2 3600000 1 fixed", [0, 0, 1, 1]), ("2 3600000 1 sliding", [0, 0, 1, 1]), ("1 3600000 2 smooth", [0, 1, 2, 3])],
)
def test_the_turn_of_a_job_comes_after_those_ahead_of_it(
    moves: Moves, store: Store, spec: str, behind: list[int]
) -> None:
    store.limits.define(QUEUE, {"R": spec})
    moves.enqueue(*(f"j{i}" for i in range(6)), lane="R")
    assert moves.fetch_ids(6) == ["j0", "j1"]
    first, *_ = turns = [store.limits.lane(QUEUE, "R", 0, f"j{i}").turn_ms for i in range(2, 6)]
    assert first is not None
    assert [round((turn - first) / 3_600_000, 3) for turn in turns if turn is not None] == behind
