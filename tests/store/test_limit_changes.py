"""Limits that change while jobs wait for them."""

from __future__ import annotations

import pytest

from jobctl.store import Store
from tests.store.hourglass import HOUR, held, is_woken, pass_time, sleep, work
from tests.store.moves import QUEUE, Moves

MINUTE = 60_000


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
