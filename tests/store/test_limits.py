"""Rates: how much they let through, what they take back, and penalties."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import msgspec
import pytest

from jobctl.store import Store
from jobctl.store.nouns.settle import Reserved
from tests.store.hourglass import HOUR, held, is_woken, pass_time, sleep, work
from tests.store.moves import QUEUE, Moves

MINUTE = 60_000


def test_a_smooth_rate_lets_one_start_at_a_time(moves: Moves, store: Store) -> None:
    store.limits.define(QUEUE, {"r:act": f"3 {HOUR} 1 smooth"})
    moves.enqueue("a", "b", "c", lane="r:act")
    started = []
    for minutes in (0, 19, 1, 19, 1, 60):
        pass_time(store, minutes * MINUTE)
        started.append(moves.fetch_ids(5))
    assert started == [["a"], [], ["b"], [], ["c"], []]


@pytest.mark.parametrize("burst", [2, 3, 7, 100])
def test_a_burst_is_what_may_start_at_once_after_a_rest(moves: Moves, store: Store, burst: int) -> None:
    store.limits.define(QUEUE, {"R": f"7 {HOUR} {burst} smooth"})
    moves.enqueue(*(f"j{i}" for i in range(300)), lane="R")
    assert len(moves.fetch(200)) == burst
    pass_time(store, HOUR)
    assert len(moves.fetch(200)) == min(burst, 7)
    pass_time(store, 200 * HOUR)
    assert len(moves.fetch(200)) == burst


def test_more_starts_than_milliseconds(moves: Moves, store: Store) -> None:
    store.limits.define(QUEUE, {"R": "20 10 1 smooth"})
    for n in range(3):
        moves.enqueue(*(f"j{n}.{i}" for i in range(700)), lane="R")
    fetched = [store.settle.fetch("w", [QUEUE], 500) for _ in range(20)]
    began, ended = fetched[0].now_ms, fetched[-1].now_ms
    gaps = [later.now_ms - earlier.now_ms for earlier, later in itertools.pairwise(fetched)]
    started = sum(len(one.jobs) for one in fetched)
    assert sum(2 * (min(gap, 50) - 1) for gap in gaps if gap) <= started <= 2 * (ended - began + 51) + 1


@pytest.mark.parametrize(
    ("spec", "minutes"),
    [("6 3600000 1 smooth", 10), ("6 3600000 4 smooth", 7), ("6 3600000 1 sliding", 10), ("6 3600000 1 fixed", 60)],
)
def test_in_the_long_run_a_rate_is_used_up_and_never_exceeded(
    moves: Moves, store: Store, spec: str, minutes: int
) -> None:
    store.limits.define(QUEUE, {"R": spec})
    moves.enqueue(*(f"j{i}" for i in range(300)), lane="R")
    times = []
    for at in range(0, 30 * 60, minutes):
        times += [at] * len(moves.fetch(20))
        pass_time(store, minutes * MINUTE)
    burst = int(spec.split()[2])
    for first, last in itertools.combinations(range(len(times)), 2):
        within = times[last] - times[first]
        if spec.endswith("smooth"):
            assert last - first + 1 <= burst + within / 10 + 0.001
        elif within < 60:
            assert last - first + 1 <= 6
    assert 180 - burst <= len(times) <= 180 + burst


def test_a_large_sliding_window_is_never_exceeded_and_lets_99_percent_through(moves: Moves, store: Store) -> None:
    store.limits.define(QUEUE, {"R": f"1000 {HOUR} 1 sliding"})
    for i in range(8):
        moves.enqueue(*(f"j{i}.{n}" for n in range(1000)), lane="R")
    starts, at, passed, began = [], 0, 0, store.processes.now_ms()
    while at < 5 * HOUR:
        fetched = store.settle.fetch("w", [QUEUE], 7 if at < HOUR else 400)
        at = fetched.now_ms - began + passed
        starts += [at] * len(fetched.jobs)
        pass_time(store, 18_000)
        passed += 18_000
    for last, at in enumerate(starts[1000:]):
        assert at - starts[last] > HOUR - 18_000, "1,001 starts within a period"
    in_steady_state = sum(2 * HOUR <= at < 5 * HOUR for at in starts)
    assert 0.98 * 3000 <= in_steady_state <= 3000
    [key] = store.client.keys(store.keys.of_limits(QUEUE, "window:*"))
    assert store.client.strlen(key) < 1_500


def test_a_small_sliding_window_is_exact(moves: Moves, store: Store) -> None:
    store.limits.define(QUEUE, {"R": f"2 {HOUR} 1 sliding"})
    moves.enqueue(*(f"j{i}" for i in range(6)), lane="R")
    started = []
    for minutes in (0, 20, 39, 1, 19, 1):
        pass_time(store, minutes * MINUTE)
        started.append(moves.fetch_ids(1))
    assert started == [["j0"], ["j1"], [], ["j2"], [], ["j3"]]


def test_a_worker_that_sleeps_until_it_is_told_reaches_the_rate(moves: Moves, store: Store) -> None:
    store.limits.define(QUEUE, {"R": "100 1000 1 smooth"})
    moves.enqueue(*(f"j{i}" for i in range(300)), lane="R")
    worked = work(store, 100)
    took = worked.started[-1][0] - worked.started[0][0]
    assert len(worked.started) <= (took + 50) / 10 + 1
    assert all(due - now <= 11 for now, due in worked.told)  # so that none is told to wait longer than the rate demands


def test_a_start_that_comes_late_does_not_slow_a_smooth_rate_down(moves: Moves, store: Store) -> None:
    store.limits.define(QUEUE, {"R": f"3 {HOUR} 1 smooth"})
    moves.enqueue("a", "b", "c", lane="R")
    moves.fetch()
    pass_time(store, 20 * MINUTE + 40)
    assert moves.fetch_ids() == ["b"]
    pass_time(store, 20 * MINUTE - 40)
    assert moves.fetch_ids() == ["c"]


EACH_WINDOW = pytest.mark.parametrize("spec", [f"1 {HOUR} 1 {window}" for window in ("smooth", "fixed", "sliding")])


@EACH_WINDOW
def test_a_job_that_is_given_back_before_it_began_is_not_counted(moves: Moves, store: Store, spec: str) -> None:
    store.limits.define(QUEUE, {"r:act": spec})
    moves.enqueue("a", "b", lane="r:act")
    [job] = moves.fetch(2)
    assert moves.fetch(1) == []
    sleep(store)
    moves.requeue(job, begun=False)
    assert is_woken(store)
    assert moves.fetch_ids(2) == ["a"]


@EACH_WINDOW
@pytest.mark.parametrize("end", [Moves.retry, Moves.bury], ids=["retried", "buried"])
@pytest.mark.parametrize("begun", [False, True], ids=["unbegun", "begun"])
def test_a_job_that_ends_before_it_began_leaves_its_start_to_others(
    moves: Moves, store: Store, spec: str, end: Callable[..., list[int]], begun: bool
) -> None:
    store.limits.define(QUEUE, {"r:act": spec})
    moves.enqueue("a", "b", lane="r:act")
    [job] = moves.fetch(2)
    sleep(store)
    end(moves, job, begun=begun)
    assert begun or is_woken(store)
    assert moves.fetch_ids(2) == ([] if begun else ["b"])


@EACH_WINDOW
def test_a_job_that_is_given_back_after_it_began_is_counted(moves: Moves, store: Store, spec: str) -> None:
    store.limits.define(QUEUE, {"r:act": spec})
    moves.enqueue("a", "b", lane="r:act")
    moves.requeue(*moves.fetch(2))
    assert moves.fetch(2) == []


@EACH_WINDOW
def test_a_charge_that_is_over_is_not_taken_back_from_others(moves: Moves, store: Store, spec: str) -> None:
    store.limits.define(QUEUE, {"r:act": spec})
    moves.enqueue("a", "b", "c", lane="r:act")
    [job] = moves.fetch(1)
    old = a_while_ago(store, job, HOUR + 1)
    pass_time(store, HOUR + 1)  # a start counts for up to a millisecond longer
    assert moves.fetch_ids(1) == ["b"]
    moves.requeue(old, begun=False)
    assert moves.fetch(1) == []


def test_of_a_charge_no_more_is_taken_back_than_still_holds_up_others(moves: Moves, store: Store) -> None:
    store.limits.define(QUEUE, {"R": f"10 {HOUR} 5 smooth"})
    moves.enqueue(*(f"j{i}" for i in range(13)), lane="R")
    early = [a_while_ago(store, job, 9 * MINUTE) for job in moves.fetch(2)]
    pass_time(store, 9 * MINUTE)
    assert len(moves.fetch(13)) == 4
    moves.requeue(*early, begun=False)
    assert len(moves.fetch(13)) == 1


def a_while_ago(store: Store, job: Reserved, ms: int) -> Reserved:
    """As if a reservation had been made so much earlier."""
    number, _, fetched = job.token.rpartition("-")
    old = msgspec.structs.replace(job, token=f"{number}-{int(fetched) - ms}")
    store.client.hset(store.keys.running(QUEUE), job.id, f"{old.token}|w|0")
    return old


def test_jobs_that_were_counted_together_are_taken_back_together(moves: Moves, store: Store) -> None:
    store.limits.define(QUEUE, {"R": f"10 {HOUR} 5 smooth"})
    moves.enqueue(*(f"j{i}" for i in range(9)), lane="R")
    moves.requeue(*moves.fetch(9), begun=False)
    assert moves.fetch_ids(9) == [f"j{i}" for i in range(5)]


def test_after_a_penalty_what_is_given_back_makes_no_burst(moves: Moves, store: Store) -> None:
    store.limits.define(QUEUE, {"r:act": f"6 {HOUR} 3 smooth"})
    moves.enqueue("a", "b", "c", "d", lane="r:act")
    first, second = moves.fetch(2)
    moves.requeue(first, pause_ms=HOUR)
    moves.requeue(second, begun=False)
    pass_time(store, HOUR)
    assert moves.fetch_ids(4) == ["b"]


def test_a_lane_that_is_only_found_when_its_jobs_are_fetched_keeps_their_order(moves: Moves, store: Store) -> None:
    moves.enqueue("a", "b", "c")
    for job in reversed(moves.fetch(3)):
        moves.requeue(job, lane="r:act", begun=False)
    assert moves.fetch_ids(3) == ["a", "b", "c"]


def test_where_several_limits_apply_all_admit_or_nothing_is_taken(moves: Moves, store: Store) -> None:
    store.limits.define(QUEUE, {"r:act": f"10 {HOUR} 10 smooth", "c:act": "1", "R": f"2 {HOUR} 1 fixed", "C": "5"})
    moves.enqueue("a", "b", "c", "d", lane="r:act\nc:act\nR\nC")
    first = moves.fetch(5)
    assert [job.id for job in first] == ["a"]
    moves.fetch(5)
    moves.complete(*first)
    assert moves.fetch_ids(5) == ["b"]
    moves.complete(*[Reserved(QUEUE, j.id, j.token, b"", b"", 0) for j in store.jobs.locate(QUEUE, ["b"])])
    assert moves.fetch_ids(5) == []
    rows = {row.limit: row.used for row in store.limits.rows(QUEUE)}
    assert rows == {"r:act": 2, "c:act": 0, "R": 2, "C": 0}


@pytest.mark.parametrize("kind", ["smooth", "fixed", "sliding"])
def test_a_penalty_holds_back_the_whole_limit(moves: Moves, store: Store, kind: str) -> None:
    store.limits.define(QUEUE, {"R": f"2 {HOUR} {2 if kind == 'smooth' else 1} {kind}"})
    moves.enqueue("a", "b", "c", lane="R")
    now = store.processes.now_ms()
    moves.requeue(*moves.fetch(1), pause_ms=2 * HOUR)
    assert moves.fetch(5) == []
    assert now <= held(store, "R") - 2 * HOUR <= store.processes.now_ms()
    assert now <= (store.limits.rows(QUEUE)[0].next_ms or 0) - 2 * HOUR <= store.processes.now_ms()
    pass_time(store, HOUR)
    assert moves.fetch(5) == []
    pass_time(store, HOUR)
    assert moves.fetch_ids(5)[:1] == ["a"]


@pytest.mark.parametrize("kind", ["fixed", "sliding"])
def test_a_short_penalty_does_not_make_room(moves: Moves, store: Store, kind: str) -> None:
    store.limits.define(QUEUE, {"R": f"3 {10 * HOUR} 1 {kind}"})
    moves.enqueue(*(f"j{i}" for i in range(9)), lane="R")
    last = moves.fetch(5)[-1]
    moves.requeue(last, pause_ms=1)
    assert store.block([store.keys.of_limits(QUEUE, "nothing")], 0.01) is None
    store.limits.look_again(QUEUE, "R")
    assert moves.fetch(5) == []


def test_the_longest_penalty_holds(moves: Moves, store: Store) -> None:
    store.limits.define(QUEUE, {"R": f"1000 {HOUR} 1 fixed"})
    moves.enqueue("a", "b", "c", lane="R")
    a, b = moves.fetch(2)
    moves.requeue(a, pause_ms=2 * HOUR)
    moves.requeue(b, pause_ms=HOUR)
    pass_time(store, HOUR)
    assert moves.fetch(5) == []


def test_after_a_penalty_there_is_no_burst(moves: Moves, store: Store) -> None:
    store.limits.define(QUEUE, {"R": f"6 {HOUR} 5 smooth"})
    moves.enqueue(*(f"j{i}" for i in range(9)), lane="R")
    moves.requeue(*moves.fetch(1), pause_ms=HOUR)
    pass_time(store, HOUR + 1)
    assert moves.fetch_ids(5) == ["j0"]
