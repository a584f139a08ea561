"""What became of each tick: noted in the same step, found again, and the ground on which later ticks are decided."""

from __future__ import annotations

import pytest

from jobctl.store import Store
from jobctl.store.data.newjob import NewJob, Unique
from jobctl.store.nouns.schedules import ByHand, SchedulePause, Tick, Ticked
from jobctl.store.nouns.ticks import OpenTick, TickRow
from tests.store.moves import QUEUE
from tests.support import eventually

STEP = 1_000


@pytest.fixture
def start(store: Store) -> int:
    """A tick of a schedule that is due every second: so long ago that those after it are due as well."""
    return store.processes.now_ms() // STEP * STEP - 60 * STEP


def tick(store: Store, at: int, how: str = "tick", *, look: bool = False, job_id: str | None = None) -> Ticked:
    job = NewJob(id=job_id or f"t{at}", type="act", queue=QUEUE, payload={})
    return store.schedules.tick(Tick("s", at, at + STEP, job, how=how, look=look))


def rows(store: Store) -> list[TickRow]:
    """The history, the oldest first."""
    return store.ticks.history("s", limit=1_000)[::-1]


def told(store: Store) -> list[tuple[int, str, str]]:
    return [(row.due_ms, row.what, row.how) for row in rows(store)]


def announce(store: Store, next_ms: int, digest: str = "d", was: str = "", name: str = "s") -> int:
    if was:
        assert store.schedules.rename([(was, name)]) == []
    return store.schedules.announce([(name, digest, next_ms)])[0]


def test_a_tick_is_noted_with_its_job(store: Store, start: int) -> None:
    assert tick(store, start).outcome == "used"
    [row] = rows(store)
    assert (row.due_ms, row.what, row.how, row.job, row.queue) == (start, "enqueued", "tick", f"t{start}", QUEUE)
    assert start < row.at <= store.processes.now_ms()


def test_a_tick_after_missed_ones_waits_until_they_are_decided(store: Store, start: int) -> None:
    tick(store, start)
    said = tick(store, start + 3 * STEP)
    assert (said.outcome, said.more) == ("behind", str(start + STEP))
    assert told(store) == [(start, "enqueued", "tick")]
    assert store.schedules.let_pass("s", [start + STEP], start + 2 * STEP, "missed", "away") == 1
    assert tick(store, start + 2 * STEP, "caught_up").outcome == "used"
    assert tick(store, start + 3 * STEP).outcome == "used"
    assert told(store) == [
        (start, "enqueued", "tick"),
        (start + STEP, "missed", "tick"),
        (start + 2 * STEP, "enqueued", "caught_up"),
        (start + 3 * STEP, "enqueued", "tick"),
    ]


def test_what_others_have_decided_passes_no_more(store: Store, start: int) -> None:
    tick(store, start)
    ticks = [start, start + STEP, start + 2 * STEP]
    assert store.schedules.let_pass("s", ticks, start + 3 * STEP, "missed", "away") == 2
    assert store.schedules.let_pass("s", ticks, start + 3 * STEP, "missed", "away") == 0
    assert tick(store, start + STEP, "caught_up").outcome == "taken"


def test_a_tick_goes_on_when_what_was_expected_is_no_tick(store: Store, start: int) -> None:
    """Another scheduler, with another catalog, took the tick before."""
    tick(store, start)
    assert tick(store, start + 5 * STEP).outcome == "behind"
    assert store.schedules.let_pass("s", [], start + 5 * STEP, "missed", "") == 0
    assert tick(store, start + 5 * STEP).outcome == "used"


def test_a_tick_that_is_not_due_cannot_pass(store: Store) -> None:
    ahead = store.processes.now_ms() + 60_000
    assert store.schedules.let_pass("s", [ahead], ahead + STEP, "missed", "away") == 0
    assert rows(store) == []


def test_a_tick_that_came_a_little_early_may_pass_as_it_may_be_taken(store: Store) -> None:
    at = store.processes.now_ms() + 500
    tick(store, at - 2 * STEP)
    assert tick(store, at - STEP).outcome == "used"
    assert tick(store, at, look=True).outcome == "overlaps"
    assert store.schedules.let_pass("s", [at], at + STEP, "queued", "busy") == 1
    assert store.ticks.open(["s"])[1] == {"s": at}


def test_a_tick_that_overlaps_when_the_cursor_returns_may_pass(store: Store, start: int) -> None:
    tick(store, start)
    ahead = start + 86_400_000
    store.writer.hset(store.keys.cursors(), mapping={"s": ahead, "s|run": f"{ahead} {ahead + STEP}"})
    for at in (start + STEP, start + 2 * STEP):
        assert tick(store, at, look=True).outcome == "overlaps"
        assert store.schedules.let_pass("s", [at], at + STEP, "queued", "busy") == 1
    assert [at for at, what, _ in told(store) if what == "queued"] == [start + STEP, start + 2 * STEP]
    assert store.writer.hget(store.keys.cursors(), "s|taken") == f"{ahead}-{ahead}".encode()


def test_a_next_tick_that_was_taken_meanwhile_holds_up_no_other(store: Store, start: int) -> None:
    """One scheduler announced other times, with a next tick that it had worked out before another took it."""
    announce(store, start)
    tick(store, start)
    assert announce(store, start, digest="other") == start + 1
    said = tick(store, start + STEP)
    assert (said.outcome, said.more) == ("behind", str(start + 1))
    store.schedules.let_pass("s", [], start + STEP, "missed", "")
    assert tick(store, start + STEP).outcome == "used"


def test_a_new_schedule_has_missed_nothing(store: Store, start: int) -> None:
    assert announce(store, start + 5 * STEP) == start + 5 * STEP
    assert announce(store, start + 9 * STEP) == start + 5 * STEP


def test_a_schedule_that_is_due_at_other_times_has_missed_none_of_them(store: Store, start: int) -> None:
    announce(store, start)
    tick(store, start)
    assert announce(store, start + 9 * STEP) == start + STEP
    assert announce(store, start + 9 * STEP, digest="other") == start + 9 * STEP
    assert tick(store, start + 9 * STEP).outcome == "used"


def test_a_schedule_that_was_renamed_goes_on_where_it_stood(store: Store, start: int) -> None:
    announce(store, start, name="old")
    job = NewJob(id="t", type="act", queue=QUEUE, payload={})
    store.schedules.tick(Tick("old", start, start + STEP, job))
    store.schedules.pause("old", SchedulePause(0, "me", "why"))
    assert announce(store, start + 9 * STEP, was="old") == start + STEP
    assert tick(store, start).outcome == "taken"
    assert [row.job for row in rows(store)] == ["t"]
    assert store.ticks.busy() == ["s"]
    cursor = store.schedules.cursors(["s"])["s"]
    assert cursor.pause is not None
    assert cursor.pause.reason == "why"
    assert store.schedules.announced().keys() == {"s"}


def named_tick(store: Store, name: str, at: int, how: str = "tick", *, job_id: str | None = None) -> str:
    job = NewJob(id=job_id or f"{name}{at}", type="act", queue=QUEUE, payload={})
    return store.schedules.tick(Tick(name, at, at + STEP, job, how=how)).outcome


@pytest.mark.parametrize("first", ["old", "new"])
def test_two_names_of_a_schedule_are_one_cursor_whichever_comes_first(store: Store, start: int, first: str) -> None:
    if first == "old":
        announce(store, start, name="old")
        assert named_tick(store, "old", start) == "used"
    announce(store, start + STEP, name="new", was="old")
    announce(store, start + STEP, name="old")
    assert named_tick(store, "new", start + STEP) == "used"
    assert named_tick(store, "old", start + STEP) == "taken"
    assert named_tick(store, "old", start + 2 * STEP) == "used"
    assert named_tick(store, "new", start + 2 * STEP) == "taken"
    assert store.schedules.let_pass("old", [start + 3 * STEP], start + 4 * STEP, "missed", "away") == 1
    assert named_tick(store, "new", start + 3 * STEP) == "taken"
    store.schedules.pause("old", SchedulePause(0, "me", "why"))
    assert named_tick(store, "new", start + 4 * STEP) == "paused"
    assert store.ticks.history("old", limit=9) == store.ticks.history("new", limit=9)
    assert store.ticks.counts(["old", "new"]) == {"old": 4 + (first == "old"), "new": 4 + (first == "old")}
    assert store.schedules.announced().keys() == {"new"}
    assert store.ticks.busy() == ["new"]
    assert store.schedules.resume("old")
    assert store.schedules.cursors(["new"])["new"].pause is None


def test_names_that_follow_each_other_are_one_schedule_also_backwards(store: Store, start: int) -> None:
    announce(store, start, name="a")
    announce(store, start, name="b", was="a")
    announce(store, start, name="c", was="b")
    assert named_tick(store, "a", start) == "used"
    announce(store, start, name="b", was="a")  # a scheduler that was not told of c
    announce(store, start, name="a", was="c")  # and all of it was taken back
    assert [named_tick(store, name, start) for name in "abc"] == ["taken"] * 3
    assert store.ticks.history("a", limit=9) == store.ticks.history("c", limit=9) != []


def test_a_rename_carries_times_set_by_hand(store: Store, start: int) -> None:
    store.schedules.set_by_hand("old", ByHand("me", cron="@daily"))
    announce(store, start, name="new", was="old")
    assert store.schedules.by_hand()["new"][0].cron == "@daily"
    assert store.schedules.set_by_hand("old", None)
    assert not store.schedules.by_hand()["new"][-1].holds(store.processes.now_ms())


def test_the_latest_times_set_by_hand_are_remembered_each_until_the_next(store: Store) -> None:
    store.writer.hset(store.keys.schedules_by_hand(), "s", '{"by":"an earlier version","cron":"@daily"}')
    for minutes in range(1, 13):
        store.schedules.set_by_hand("s", ByHand("me", every_ms=minutes * 60_000))
        done = store.processes.now_ms()
        eventually(lambda: store.processes.now_ms() > done)  # noqa: B023
    found = store.schedules.by_hand()["s"]
    assert [said.every_ms // 60_000 for said in found if said.every_ms] == list(range(3, 13))
    assert [said.until_ms for said in found] == [*(said.since_ms for said in found[1:]), 0]
    assert store.schedules.set_by_hand("s", None)
    assert not store.schedules.set_by_hand("s", None)


@pytest.mark.parametrize("rows_of_old", [1, 5])
def test_a_rename_keeps_what_the_new_name_has_done(store: Store, start: int, rows_of_old: int) -> None:
    """Somebody ran it by hand before a scheduler had it; and an earlier schedule had that name."""
    for number in range(3):
        named_tick(store, "new", start - STEP, "hand", job_id=f"h{number}")
    named_tick(store, "new", start, "backfill", job_id="filled")
    announce(store, start, name="old")
    store.schedules.let_pass("old", [start], start + STEP, "missed", "away")
    for number in range(1, rows_of_old + 1):
        named_tick(store, "old", start + number * STEP)
    announce(store, start, name="new", was="old")
    found = store.ticks.history("new", limit=20)
    assert len(found) == 4 + rows_of_old
    assert [row.job for row in found if row.due_ms == start] == ["filled"]
    jobs, _ = store.ticks.open(store.ticks.busy())
    assert len(jobs) == 4 + rows_of_old
    assert store.schedules.cursors(["new"])["new"].last_ms == start + rows_of_old * STEP


def test_two_schedules_that_both_live_stay_two(store: Store, start: int) -> None:
    for name in ("old", "new"):
        announce(store, start, name=name)
    assert store.schedules.rename([("old", "new")]) == [("old", "new")]
    assert [named_tick(store, name, start) for name in ("old", "new")] == ["used", "used"]


def test_a_former_name_may_be_used_anew(store: Store, start: int) -> None:
    announce(store, start, name="old")
    announce(store, start, name="new", was="old")
    assert named_tick(store, "old", start) == "used"
    store.schedules.part(["new", "old"])
    assert named_tick(store, "new", start) == "taken"
    announce(store, start, name="old")
    assert named_tick(store, "old", start) == "used"


def test_a_pause_ends_by_itself(store: Store, start: int) -> None:
    store.schedules.pause("s", SchedulePause(store.processes.now_ms() + 60_000, "me", ""))
    assert tick(store, start).outcome == "paused"
    store.schedules.pause("s", SchedulePause(store.processes.now_ms() - 1, "me", ""))
    assert tick(store, start + STEP).outcome == "used"
    assert told(store) == [(start, "paused", "tick"), (start + STEP, "enqueued", "tick")]
    assert store.schedules.cursors(["s"])["s"].pause is None


@pytest.mark.parametrize(("reason", "why"), [("bad deploy", "bad deploy"), ("", "paused by me")])
def test_ticks_that_pass_during_a_pause_say_why_it_is_paused(store: Store, start: int, reason: str, why: str) -> None:
    store.schedules.pause("s", SchedulePause(0, "me", reason))
    tick(store, start)
    store.schedules.let_pass("s", [start + STEP], start + 2 * STEP, "missed", "no scheduler")
    assert [(row.what, row.why) for row in rows(store)] == [("paused", why)] * 2


def test_a_tick_whose_unique_key_is_held_is_noted_with_the_holder(store: Store, start: int) -> None:
    unique = Unique(name="act|k", mode="finished")
    store.jobs.enqueue([NewJob(id="holder", type="act", queue=QUEUE, payload={}, unique=unique)])
    job = NewJob(id="t", type="act", queue=QUEUE, payload={}, unique=unique)
    assert store.schedules.tick(Tick("s", start, start + STEP, job)).outcome == "used"
    [row] = rows(store)
    assert (row.what, row.why, row.job) == ("held", "job holder holds the unique key", None)


def test_a_tick_does_not_overlap_if_it_is_to_look(store: Store, start: int) -> None:
    tick(store, start)
    said = tick(store, start + STEP, look=True)
    assert (said.outcome, said.more) == ("overlaps", f"{QUEUE} t{start}")
    assert store.schedules.cursors(["s"])["s"].last_ms == start
    assert store.ticks.settle(OpenTick("s", start, QUEUE, f"t{start}"), "completed", 1, 2) == (True, False)
    assert tick(store, start + STEP, look=True).outcome == "used"


def test_an_end_is_noted_once(store: Store, start: int) -> None:
    tick(store, start)
    [one], _ = store.ticks.open(store.ticks.busy())
    assert one == OpenTick("s", start, QUEUE, f"t{start}")
    assert store.ticks.settle(one, "completed", start + 5, start + 9) == (True, False)
    assert store.ticks.settle(one, "dead", start + 5, start + 9) == (False, False)
    [row] = rows(store)
    assert (row.state, row.started, row.ended) == ("completed", start + 5, start + 9)
    assert store.ticks.busy() == []


def test_failures_in_a_row_pause_the_schedule(store: Store, start: int) -> None:
    def end(number: int, state: str) -> bool:
        tick(store, start + number * STEP)
        [one], _ = store.ticks.open(["s"])
        return store.ticks.settle(one, state, None, None, most=2, pause="0|jobctl|2 died")[1]

    assert [end(0, "dead"), end(1, "completed"), end(2, "dead"), end(3, "cancelled"), end(4, "dead")] == [
        False, False, False, False, True,
    ]  # fmt: skip
    assert tick(store, start + 5 * STEP).outcome == "paused"
    store.schedules.resume("s")
    assert end(6, "dead") is False


def test_a_queued_tick_is_enqueued_when_nothing_is_in_its_way(store: Store, start: int) -> None:
    tick(store, start)
    store.schedules.let_pass("s", [start + STEP], start + 2 * STEP, "queued", "job t had not ended")
    [one], queued = store.ticks.open(["s"])
    assert queued == {"s": start + STEP}
    assert tick(store, start + STEP, "queued").outcome == "overlaps"
    store.ticks.settle(one, "completed", None, None)
    assert store.ticks.busy() == ["s"]
    assert tick(store, start + STEP, "queued").outcome == "used"
    assert tick(store, start + STEP, "queued").outcome == "taken"
    assert told(store)[1:] == [(start + STEP, "enqueued", "queued")]


def test_a_queued_tick_waits_while_the_schedule_is_paused(store: Store, start: int) -> None:
    tick(store, start)
    store.schedules.let_pass("s", [start + STEP], start + 2 * STEP, "queued", "job t had not ended")
    store.schedules.pause("s", SchedulePause(0, "me", "why"))
    [one], _ = store.ticks.open(["s"])
    store.ticks.settle(one, "completed", None, None)
    assert tick(store, start + STEP, "queued").outcome == "paused"
    store.schedules.resume("s")
    assert tick(store, start + STEP, "queued").outcome == "used"


def test_a_queued_tick_whose_row_is_trimmed_is_enqueued_all_the_same(store: Store, start: int) -> None:
    tick(store, start)
    store.schedules.let_pass("s", [start + STEP], start + 2 * STEP, "queued", "job t had not ended")
    [one], _ = store.ticks.open(["s"])
    store.writer.delete(store.keys.history("s"))
    store.ticks.settle(one, "completed", None, None)
    assert tick(store, start + STEP, "queued").outcome == "used"
    assert tick(store, start + STEP, "queued").outcome == "taken"


def test_only_so_many_ticks_may_be_queued(store: Store, start: int) -> None:
    tick(store, start - 200 * STEP)
    ticks = [start + (n - 199) * STEP for n in range(150)]
    assert store.schedules.let_pass("s", ticks, ticks[-1] + STEP, "queued", "busy") == 150
    assert [what for _, what, _ in told(store)[1:]] == ["queued"] * 100 + ["skipped"] * 50


def test_a_backfill_enqueues_what_was_missed_and_nothing_twice(store: Store, start: int) -> None:
    tick(store, start)
    store.schedules.let_pass("s", [start + STEP], start + 2 * STEP, "missed", "away")
    tick(store, start + 2 * STEP)
    outcomes = [
        [tick(store, start + n * STEP, "backfill", job_id=f"{round_}.{n}").outcome for n in range(-1, 3)]
        for round_ in range(2)
    ]
    assert outcomes == [["used", "taken", "used", "taken"], ["taken"] * 4]
    assert store.schedules.cursors(["s"])["s"].last_ms == start + 2 * STEP


def test_a_tick_that_was_backfilled_before_its_turn_is_taken(store: Store, start: int) -> None:
    tick(store, start)
    assert tick(store, start + STEP, "backfill").outcome == "used"
    assert tick(store, start + STEP, job_id="another").outcome == "taken"
    assert tick(store, start + 2 * STEP).outcome == "used"


def test_before_the_first_announcement_nothing_is_known(store: Store, start: int) -> None:
    """A cursor that an older version left: it kept no history."""
    store.writer.hset(store.keys.cursors(), "s", start)
    announce(store, start + STEP)
    assert tick(store, start, "backfill").outcome == "forgotten"
    assert tick(store, start + STEP, "backfill").outcome == "used"


def test_the_history_is_bounded_and_says_from_when_it_is_known(store: Store, start: int) -> None:
    first = start - 10_020 * STEP
    for at in range(first, first + 10_020 * STEP, 200 * STEP):
        ticks = list(range(at, min(at + 200 * STEP, first + 10_020 * STEP), STEP))
        store.schedules.let_pass("s", ticks, ticks[-1] + STEP, "missed", "away")
    assert store.ticks.counts(["s"]) == {"s": 10_000}
    assert store.schedules.cursors(["s"])["s"].floor_ms == first + 19 * STEP
    assert tick(store, first + 19 * STEP, "backfill").outcome == "forgotten"


def test_long_histories_are_read_to_their_end_in_order(store: Store, start: int) -> None:
    first = start - 1_500 * STEP
    for name, step in (("s", STEP), ("t", 3 * STEP)):
        due = range(first, start, step)
        store.schedules.let_pass(name, due, start, "missed", "away")
    found = [(row.due_ms, name) for name, row in store.ticks.newest_first(["s", "t", "none"])]
    assert len(found) == 2_000
    assert [due for due, _ in found] == sorted((due for due, _ in found), reverse=True)
    part = store.ticks.newest_first(["t"], before_ms=first + 9 * STEP, since_ms=first + 3 * STEP)
    assert [(row.due_ms - first) // STEP for _, row in part] == [9, 6, 3]


def test_a_run_by_hand_stands_beside_the_tick_of_its_time(store: Store, start: int) -> None:
    tick(store, start)
    for number in range(3):
        assert tick(store, start, "hand", job_id=f"h{number}").outcome == "used"
    assert sorted(row.how for row in rows(store)) == ["hand", "hand", "hand", "tick"]
    assert tick(store, start, "backfill").outcome == "taken"
    later = start + STEP
    assert tick(store, later, "hand", job_id="early").outcome == "used"
    assert [tick(store, later, how).outcome for how in ("backfill", "caught_up")] == ["taken", "taken"]
    assert tick(store, start + 2 * STEP, "hand", job_id="now").outcome == "used"
    assert tick(store, start + 2 * STEP).outcome == "used", "a tick that is due now stands beside it"
    jobs, _ = store.ticks.open(["s"])
    assert [store.ticks.settle(one, "completed", None, None)[0] for one in jobs] == [True] * 7
    assert {row.state for row in rows(store)} == {"completed"}
