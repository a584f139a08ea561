"""The table that a child shares with its supervisor."""

from __future__ import annotations

import os

from hypothesis import given
from hypothesis import strategies as st

from jobctl.engine.process.slots import MAX_TEXT_BYTES, Executing, SlotTable

WORDS = st.text(st.characters(codec="utf-8", exclude_characters=" "), min_size=1, max_size=MAX_TEXT_BYTES // 16)
ATTEMPTS = st.builds(Executing, WORDS, WORDS, WORDS)


def pair(threads: int) -> tuple[SlotTable, SlotTable]:
    fd = SlotTable.create_file(threads)
    try:
        return SlotTable(fd, threads), SlotTable(fd, threads)
    finally:
        os.close(fd)


@given(st.lists(st.tuples(st.integers(0, 3), st.none() | ATTEMPTS), max_size=30))
def test_the_supervisor_sees_exactly_what_executes(changes: list[tuple[int, Executing | None]]) -> None:
    child, supervisor = pair(4)
    expected: dict[int, Executing] = {}
    for thread, attempt in changes:
        if attempt is None:
            child.end(thread)
            expected.pop(thread, None)
        else:
            child.begin(thread, *attempt)
            expected[thread] = attempt
    assert sorted(supervisor.executing()) == sorted(expected.values())
    assert supervisor.running == len(expected)


def test_health_is_seen_by_the_supervisor() -> None:
    child, supervisor = pair(2)
    assert not supervisor.ready
    child.set_ready()
    child.bump()
    child.bump()
    child.set_threads_alive(2)
    child.set_jobs_done(7)
    assert (supervisor.ready, supervisor.progress, supervisor.threads_alive) == (True, 2, 2)
    assert supervisor.jobs_done == 7
    assert supervisor.executing() == []


def test_an_id_that_is_too_long_is_cut_and_harms_no_neighbour() -> None:
    child, supervisor = pair(2)
    child.begin(1, "2-1", "default", "b")
    child.begin(0, "1-1", "default", "a" * 500)
    room = MAX_TEXT_BYTES - len("1-1 default ")
    assert supervisor.executing() == [Executing("1-1", "default", "a" * room), Executing("2-1", "default", "b")]


def test_only_what_executes_past_its_limit_is_overdue() -> None:
    child, supervisor = pair(3)
    child.begin(0, "late", "default", "a")
    child.limit(0, 10.0)
    child.begin(1, "in-time", "default", "b")
    child.limit(1, 30.0)
    child.begin(2, "without-limit", "default", "c")
    assert [late.token for late in supervisor.overdue(20.0)] == ["late"]
    child.end(0)
    child.begin(0, "next", "default", "d")
    assert supervisor.overdue(20.0) == []


def test_what_goes_on_past_its_limit_hangs_also_once_it_is_given_up() -> None:
    child, supervisor = pair(4)
    for thread, (token, deadline) in enumerate([("late", 10.0), ("in-time", 30.0), ("earlier", 5.0)]):
        child.begin(thread, token, "default", token)
        child.limit(thread, deadline)
    child.end(2)
    child.give_up(2)
    assert [(attempt.id, deadline) for attempt, deadline in supervisor.hanging(20.0)] == [
        ("earlier", 5.0),
        ("late", 10.0),
    ]
    assert [attempt.id for attempt in supervisor.executing()] == ["late", "in-time"]
    child.end(2)
    assert [attempt.id for attempt, _ in supervisor.hanging(20.0)] == ["late"]


def test_a_child_sees_when_redis_was_last_told_of_it() -> None:
    child, supervisor = pair(1)
    assert child.beaten_at == 0
    supervisor.set_beaten(12.5)
    assert child.beaten_at == 12.5
