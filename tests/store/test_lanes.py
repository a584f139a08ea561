"""Lanes: who goes first, who takes turns with whom, and that nobody starves."""

from __future__ import annotations

import pytest

from jobctl.store import Store
from tests.store.hourglass import HOUR, pass_time
from tests.store.moves import QUEUE, Moves

MINUTE = 60_000
TURNS = 16


def one_by_one(moves: Moves, times: int) -> list[str]:
    """Start and complete a job at a time."""
    started = []
    for _ in range(times):
        for job in moves.fetch(1):
            started.append(job.id)
            moves.complete(job)
    return started


def test_keys_are_served_in_turn_and_each_in_its_order(moves: Moves) -> None:
    moves.enqueue(*(f"big{i}" for i in range(9)), lane="c:act|big")
    moves.enqueue("small0", "small1", lane="c:act|small")
    assert one_by_one(moves, 5) == ["big0", "small0", "big1", "small1", "big2"]
    assert moves.fetch_ids(3) == ["big3", "big4", "big5"]


def test_a_lane_that_is_held_does_not_lose_its_turn(moves: Moves, store: Store) -> None:
    store.limits.define(QUEUE, {"R": f"60 {HOUR} 1 smooth"})
    for key in "abc":
        moves.enqueue(*(f"{key}{i}" for i in range(3)), lane=f"c:act|{key}\nR")
    started = []
    for _ in range(9):
        started += one_by_one(moves, 2)
        pass_time(store, MINUTE)
    assert started == ["a0", "b0", "c0", "a1", "b1", "c1", "a2", "b2", "c2"]


def test_in_a_lane_the_better_priority_is_first_and_then_the_older(moves: Moves) -> None:
    moves.enqueue("low", priority=10, lane="c:act")
    moves.enqueue("mid1", "mid2", lane="c:act")
    moves.enqueue("high", priority=-10, lane="c:act")
    assert moves.fetch_ids(4) == ["high", "mid1", "mid2", "low"]


def test_keys_stand_in_the_line_of_each_of_their_priorities(moves: Moves) -> None:
    moves.enqueue("a1", "a2", lane="c:act|a")
    moves.enqueue("b1", lane="c:act|b")
    moves.enqueue("b0", lane="c:act|b", priority=-10)
    moves.enqueue("urgent", lane="c:act|c", priority=-5)
    assert one_by_one(moves, 5) == ["b0", "urgent", "a1", "b1", "a2"]


@pytest.mark.parametrize("want", [1, 7])
@pytest.mark.parametrize("spec", ["", "1", "40"])
def test_in_a_lane_the_last_priority_does_not_starve(moves: Moves, store: Store, spec: str, want: int) -> None:
    if spec:
        store.limits.define(QUEUE, {"c:act": spec})
    moves.enqueue(*(f"low{i}" for i in range(40)), lane="c:act|k", priority=10)
    started: list[str] = []
    for round_ in range(320 // want):
        moves.enqueue(*(f"high{round_}.{i}" for i in range(want)), lane="c:act|k", priority=-10)
        jobs = moves.fetch(want)
        started += [job.id for job in jobs]
        moves.complete(*jobs)
    for at in range(0, len(started) - TURNS, TURNS):
        assert any(job_id.startswith("low") for job_id in started[at : at + TURNS]), started[at : at + TURNS]
    assert sum(job_id.startswith("low") for job_id in started) <= 2 + len(started) // (TURNS - 1)


def test_jobs_that_are_given_back_keep_their_order_whatever_their_ids(moves: Moves) -> None:
    moves.enqueue("b", "c", "a", "d", lane="c:act")
    moves.requeue(*moves.fetch(3))
    assert moves.fetch_ids(4) == ["b", "c", "a", "d"]


def test_a_lane_takes_what_its_limits_admit_at_once(moves: Moves, store: Store) -> None:
    store.limits.define(QUEUE, {"R": f"9 {HOUR} 1 fixed", "C": "20"})
    moves.enqueue(*(f"j{i}" for i in range(30)), lane="R\nC")
    assert moves.fetch_ids(25) == [f"j{i}" for i in range(9)]


def test_lanes_share_what_is_less_than_all_want(moves: Moves, store: Store) -> None:
    store.limits.define(QUEUE, {"R": f"6 {HOUR} 1 fixed"})
    for key in "abc":
        moves.enqueue(*(f"{key}{i}" for i in range(9)), lane=f"c:act|{key}\nR")
    assert sorted(moves.fetch_ids(20)) == ["a0", "a1", "b0", "b1", "c0", "c1"]


@pytest.mark.parametrize("how", ["cancelled", "put back", "expired"])
def test_a_lane_does_not_keep_the_priority_of_a_head_that_went(moves: Moves, store: Store, how: str) -> None:
    moves.enqueue("was-high", lane="c:act|a", priority=-10)
    moves.enqueue("low", lane="c:act|a", priority=10)
    moves.enqueue("mid", lane="c:act|b")
    if how == "cancelled":
        moves.cancel("was-high")
    elif how == "put back":
        store.jobs.reprioritise(QUEUE, ["was-high"], 20)
    else:
        moves.complete(*moves.fetch(1))
    assert moves.fetch_ids(1) == ["mid"]


def test_a_job_that_is_given_back_is_the_head_of_its_lane(moves: Moves) -> None:
    moves.enqueue("a1", "a2", lane="c:act")
    moves.requeue(*moves.fetch(1))
    assert moves.fetch_ids(2) == ["a1", "a2"]


def test_a_job_that_is_put_into_a_lane_stands_where_it_was_fetched(moves: Moves) -> None:
    moves.enqueue("stock")
    moves.enqueue("a", lane="c:act")
    [job] = [job for job in moves.fetch(2) if not job.lane]
    moves.enqueue("b", lane="c:act")
    moves.requeue(job, lane="c:act")
    assert moves.fetch_ids(2) == ["stock", "b"]


def test_an_old_entry_in_the_list_does_not_start_a_job_of_a_lane_twice(moves: Moves, store: Store) -> None:
    moves.enqueue("a")
    moves.cancel("a")
    store.jobs.revive(QUEUE, [("a", "")])
    jobs = moves.fetch()
    moves.requeue(*jobs, lane="c:act")
    moves.enqueue("b", "c", lane="c:act|other")
    assert sorted(moves.fetch_ids(5)) == ["a", "b", "c"]
    assert moves.waiting() == 0


@pytest.mark.parametrize("limited_first", [True, False])
@pytest.mark.parametrize("want", [1, 7, 40])
def test_plain_jobs_and_limited_ones_do_not_block_each_other(moves: Moves, limited_first: bool, want: int) -> None:
    flood = {"lane": "c:act"} if limited_first else {}
    few = {} if limited_first else {"lane": "c:act"}
    moves.enqueue(*(f"flood{i}" for i in range(500)), **flood)
    moves.enqueue(*(f"few{i}" for i in range(5)), **few)
    started: list[str] = []
    while len(started) < 12:
        started += moves.fetch_ids(want)
    assert sum(job_id.startswith("few") for job_id in started[:12]) == 5


def test_a_flood_of_lanes_that_may_not_go_keeps_no_plain_job_waiting(moves: Moves, store: Store) -> None:
    store.limits.define(QUEUE, {"c:act": "0"})
    for i in range(600):
        moves.enqueue(f"held{i}", lane=f"c:act|{i}", priority=-10)
    moves.enqueue("plain")
    assert moves.fetch_ids(1) + moves.fetch_ids(1) == ["plain"]


@pytest.mark.parametrize("want", [1, 3, 40])
@pytest.mark.parametrize(
    ("first", "last"),
    [
        ({"lane": "c:a", "priority": -10}, {"lane": "c:b"}),
        ({"lane": "c:a"}, {"lane": "c:b", "priority": 10}),
        ({"lane": "c:a"}, {"priority": 10}),
        ({}, {"lane": "c:b", "priority": 10}),
        ({"priority": -10}, {"lane": "c:b"}),
        ({"lane": "c:a", "priority": -10}, {}),
        ({"lane": "c:a|x\nC", "priority": -10}, {"lane": "c:a|y\nC"}),
    ],
)
def test_of_sixteen_started_one_is_of_the_last_priority(
    moves: Moves, first: dict[str, object], last: dict[str, object], want: int
) -> None:
    moves.enqueue(*(f"last{i}" for i in range(12)), **last)
    started: list[str] = []
    for round_ in range(120 // want + 1):
        moves.enqueue(*(f"first{round_}.{i}" for i in range(want)), **first)
        started += moves.fetch_ids(want)
    for at in range(0, 100, TURNS):
        assert any(job_id.startswith("last") for job_id in started[at : at + TURNS]), started[at : at + TURNS]


@pytest.mark.parametrize("slots", [1, 5, 40])
@pytest.mark.parametrize("extra", [0, 1, 2])
def test_the_last_priority_does_not_starve_behind_a_shared_limit(
    moves: Moves, store: Store, slots: int, extra: int
) -> None:
    store.limits.define(QUEUE, {"C": str(slots)})
    moves.enqueue("last", lane="c:b\nC", priority=10)
    blockers = moves.fetch(1)
    moves.complete(*blockers)
    moves.enqueue(*(f"last{i}" for i in range(200)), lane="c:b\nC", priority=10)
    running, started = [], []
    for round_ in range(60):
        for i in range(3):
            moves.enqueue(*(f"first{round_}.{i}.{n}" for n in range(slots)), lane=f"c:a|{i}\nC", priority=-10)
        moves.enqueue(*(f"x{round_}.{i}" for i in range(extra)), queue="other", lane="c:x")
        jobs = moves.fetch(slots)
        started += [job.id for job in jobs]
        running += jobs
        moves.complete(*running)
        running = []
    assert len(started) >= 60
    for at in range(0, len(started) - TURNS, TURNS):
        assert any(job_id.startswith("last") for job_id in started[at : at + TURNS]), (at, started[at : at + TURNS])


def test_of_the_last_priority_lanes_and_the_list_have_their_turn(moves: Moves) -> None:
    moves.enqueue(*(f"lane{i}" for i in range(50)), lane="c:act")
    moves.enqueue(*(f"list{i}" for i in range(50)))
    started = []
    for round_ in range(200):
        moves.enqueue(f"high{round_}", priority=-10, lane="c:high")
        started += moves.fetch_ids(1)
    assert sum(i.startswith("lane") for i in started) >= 3
    assert sum(i.startswith("list") for i in started) >= 3


def test_emptying_and_restoring_leaves_no_lane_behind(moves: Moves, store: Store) -> None:
    store.limits.define(QUEUE, {"c:act": "1"})
    moves.enqueue("a", "b", "c", lane="c:act|x")
    moves.enqueue("d", lane="c:act|y")
    moves.fetch(2)
    assert store.queues.empty(QUEUE) == (2, 0)
    letters = store.jobs.locate(QUEUE, ["b", "c"])
    assert store.dead.restore(QUEUE, letters) == [True, True]
    assert [moves.state(i) for i in "abcd"] == ["running", "limited", "limited", "running"]
    assert moves.fetch(5) == []


def test_a_job_is_held_since_it_waits_and_says_in_which_lane(moves: Moves, store: Store) -> None:
    before = store.processes.now_ms()
    moves.enqueue("a", lane="c:act|Zürich")
    [found] = store.jobs.locate(QUEUE, ["a"])
    assert (found.state, found.lane) == ("limited", "c:act|Zürich")
    assert before <= float(found.detail) <= store.processes.now_ms()
    [job] = moves.fetch()
    assert job.lane == "c:act|Zürich"
