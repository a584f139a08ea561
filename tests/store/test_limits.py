"""Rates and concurrency: how much they let through, when they are looked at again, and who leaves a slot."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import msgspec
import pytest

from jobctl.store import Store
from jobctl.store.nouns.pauses import Pause, of_type
from jobctl.store.nouns.settle import Reserved
from tests.store.hourglass import HOUR, pass_time, work
from tests.store.moves import QUEUE, Moves

MINUTE = 60_000


def held(store: Store, bucket: str) -> float:
    """When a bucket that others wait for is looked at again (epoch ms)."""
    return float(store.client.zscore(store.keys.of_limits(QUEUE, "holds"), bucket))


def is_woken(store: Store) -> bool:
    return store.client.llen(store.keys.wake(QUEUE)) == 1


def sleep(store: Store) -> None:
    """The wake token is taken by somebody who then does nothing."""
    store.client.delete(store.keys.wake(QUEUE))


# Rates


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


# Changes while jobs wait


@pytest.mark.parametrize("before", ["1 3600000 1 smooth", "1 3600000 1 fixed", "1 3600000 1 sliding"])
@pytest.mark.parametrize("after", ["4 3600000 9 smooth", "2 3600000 1 fixed", "2 3600000 1 sliding"])
def test_a_limit_may_change_its_window_while_it_is_in_use(moves: Moves, store: Store, before: str, after: str) -> None:
    store.limits.define(QUEUE, {"R": before})
    moves.enqueue("a", "b", "c", "d", lane="R")
    assert moves.fetch_ids(5) == ["a"]
    store.limits.define(QUEUE, {"R": after})
    assert moves.fetch_ids(5)[:1] == ["b"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (f"3 {24 * HOUR} 1 fixed", "3 1000 1 sliding"),
        (f"3 {24 * HOUR} 1 sliding", "3 1000 1 fixed"),
        (f"3 {24 * HOUR} 1 sliding", "3 1000 1 sliding"),
    ],
)
def test_what_a_window_has_used_counts_no_longer_than_the_new_one_lets_it(
    moves: Moves, store: Store, before: str, after: str
) -> None:
    store.limits.define(QUEUE, {"R": before})
    moves.enqueue(*(f"j{i}" for i in range(9)), lane="R")
    assert len(moves.fetch(5)) == 3
    store.limits.define(QUEUE, {"R": after})
    assert store.limits.rows(QUEUE)[0].used in (0, 3)  # none if a period has just ended
    assert work(store, 3).ids[:3] == ["j3", "j4", "j5"]


def test_a_shorter_period_forgets_what_was_started_before_it(moves: Moves, store: Store) -> None:
    store.limits.define(QUEUE, {"R": f"2 {24 * HOUR} 1 sliding"})
    moves.enqueue(*(f"j{i}" for i in range(5)), lane="R")
    moves.fetch(1)
    pass_time(store, 2 * HOUR)
    moves.fetch(1)
    store.limits.define(QUEUE, {"R": f"2 {HOUR} 1 sliding"})
    assert moves.fetch_ids(5) == ["j2"]


def test_a_faster_rate_is_followed_at_once(moves: Moves, store: Store) -> None:
    store.limits.define(QUEUE, {"R": f"1 {24 * HOUR} 1 smooth"})
    moves.enqueue(*(f"j{i}" for i in range(50)), lane="R")
    moves.fetch(5)
    store.limits.set(QUEUE, "R", "100 1000 1 smooth", 0, "me")
    worked = work(store, 20)
    assert all(due - now <= 11 for now, due in worked.told)


def test_what_was_set_by_hand_holds_nobody_when_its_time_is_over(moves: Moves, store: Store) -> None:
    store.limits.define(QUEUE, {"r:act": "100 1000 100 smooth", "c:act": "9"})
    now = store.processes.now_ms()
    store.limits.set(QUEUE, "r:act", f"1 {24 * HOUR} 1 fixed", now + 3_000, "me")
    store.limits.set(QUEUE, "c:act", "0", now + 3_000, "me")
    moves.enqueue("a", "b", lane="r:act")
    moves.enqueue("c", lane="c:act")
    assert moves.fetch_ids(5) == ["a"]
    assert held(store, "r:act") <= now + 3_000
    assert held(store, "c:act") <= now + 3_000
    assert sorted(work(store, 2).ids) == ["b", "c"]


@pytest.mark.parametrize("how", ["set", "reset", "define"])
def test_who_waits_for_a_limit_that_changed_is_looked_at_by_whoever_looks(moves: Moves, store: Store, how: str) -> None:
    store.limits.define(QUEUE, {"r:act": f"1 {HOUR} 1 smooth"})
    moves.enqueue("a", "b", lane="r:act|k")
    moves.fetch(5)
    if how == "set":
        store.limits.set(QUEUE, "r:act", f"1 {HOUR} 5 smooth", 0, "me")
    elif how == "reset":
        assert store.limits.reset(QUEUE, "r:act", "k")
    else:
        store.limits.define(QUEUE, {"r:act": f"1 {HOUR} 5 smooth"})
    assert is_woken(store)
    sleep(store)  # its taker died
    assert 0 < store.queues.peek([QUEUE]).next_due_ms <= store.processes.now_ms()
    assert moves.fetch_ids(5) == ["b"]


def test_an_empty_text_is_a_key_like_any_other(moves: Moves, store: Store) -> None:
    store.limits.define(QUEUE, {"r:act": f"1 {HOUR} 1 smooth"})
    moves.enqueue("a", "b", "c", lane="r:act|")
    moves.enqueue("d", lane="r:act|x")
    assert moves.fetch_ids(9) == ["a", "d"]
    [row] = store.limits.rows(QUEUE)
    assert [(one.key, one.waiting, one.used) for one in row.worst] == [("", 2, 1)]
    assert store.limits.reset(QUEUE, "r:act", "")
    assert moves.fetch_ids(9) == ["b"]
    assert store.limits.reset(QUEUE, "r:act")
    assert moves.fetch_ids(9) == ["c"]


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
