"""Unique keys: who holds one, until when, and what becomes of others."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from jobctl.store import Store
from jobctl.store.data import codec
from jobctl.store.data.newjob import Enqueued, NewJob, Unique
from jobctl.store.nouns.schedules import Tick
from tests.store.hourglass import HOUR
from tests.store.moves import QUEUE, Moves

KEY = "act|k"
DAY = 24 * HOUR


def offer(moves: Moves, *ids: str, unique: Unique | None = None, **options: object) -> list[str]:
    """What became of each job, as `outcome other`."""
    said = moves.offer(*ids, unique=unique or Unique(KEY, "finished"), **options)
    return [f"{one.outcome} {one.other}".strip() for one in said]


def holder(store: Store) -> str:
    return (store.client.get(store.keys.unique(QUEUE, KEY)) or b"").decode()


def forget(store: Store, job_id: str) -> None:
    """As ten minutes after a job that is not kept has ended."""
    store.queues.expire(QUEUE, -1, 0)
    store.client.zrem(store.keys.known(QUEUE), job_id)


def test_a_second_job_with_the_key_is_left_out_and_told_who_holds_it(moves: Moves, store: Store) -> None:
    assert offer(moves, "a") == ["enqueued"]
    assert offer(moves, "b") == ["skipped a"]
    assert offer(moves, "c", unique=Unique(KEY, "finished", on_conflict="fail")) == ["conflict a"]
    assert [moves.state(i) for i in "abc"] == ["waiting", "", ""]


def test_a_repeat_of_the_holder_is_known(moves: Moves) -> None:
    assert offer(moves, "a") + offer(moves, "a") == ["enqueued", "known"]


def test_another_key_and_another_queue_are_free(moves: Moves) -> None:
    offer(moves, "a")
    assert offer(moves, "b", unique=Unique("act|other", "finished")) == ["enqueued"]
    assert offer(moves, "c", queue="other") == ["enqueued"]


def test_of_one_call_the_first_has_the_key(moves: Moves) -> None:
    assert offer(moves, "a", "b", "a", "c") == ["enqueued", "skipped a", "known", "skipped a"]


ENDS: dict[str, Callable[[Moves], object]] = {
    "completed": lambda moves: moves.complete(*moves.fetch()),
    "dead": lambda moves: moves.bury(*moves.fetch()),
    "cancelled": lambda moves: moves.cancel("a"),
    "cancelled while it ran": lambda moves: (jobs := moves.fetch(), moves.cancel("a"), moves.cancelled(*jobs)),
    "cancelled, and failed": lambda moves: (jobs := moves.fetch(), moves.cancel("a"), moves.retry(*jobs)),
    "cancelled, and recovered": lambda moves: (jobs := moves.fetch(), moves.cancel("a"), moves.requeue(*jobs)),
    "emptied": lambda moves: moves.store.queues.empty(QUEUE),
    "freed": lambda moves: moves.store.jobs.free_keys(QUEUE, ["a"]),
}
LIVES: dict[str, Callable[[Moves], object]] = {
    "running": lambda moves: moves.fetch(),
    "retrying": lambda moves: moves.retry(*moves.fetch()),
    "given back": lambda moves: moves.requeue(*moves.fetch()),
    "promoted": lambda moves: (moves.retry(*moves.fetch()), moves.store.jobs.promote(QUEUE, ["a"])),
    "reprioritised": lambda moves: moves.store.jobs.reprioritise(QUEUE, ["a"], 10),
}


@pytest.mark.parametrize("lane", ["", "c:act"])
@pytest.mark.parametrize("end", ENDS)
def test_a_job_that_ended_frees_its_key(moves: Moves, store: Store, end: str, lane: str) -> None:
    offer(moves, "a", lane=lane)
    ENDS[end](moves)
    assert holder(store) == ""
    assert offer(moves, "b") == ["enqueued"]


@pytest.mark.parametrize("lane", ["", "c:act"])
@pytest.mark.parametrize("life", LIVES)
def test_a_job_that_lives_keeps_its_key(moves: Moves, store: Store, life: str, lane: str) -> None:
    offer(moves, "a", lane=lane)
    LIVES[life](moves)
    assert offer(moves, "b") == ["skipped a"]


def test_until_started_the_key_is_free_with_the_first_fetch_and_for_good(moves: Moves, store: Store) -> None:
    unique = Unique(KEY, "started")
    offer(moves, "a", unique=unique)
    assert offer(moves, "b", unique=unique) == ["skipped a"]
    jobs = moves.fetch()
    assert offer(moves, "c", unique=unique) == ["enqueued"]
    moves.retry(*jobs, delay_ms=0)
    assert holder(store) == "c"


def test_a_window_is_held_for_its_time_though_its_job_has_ended_and_is_forgotten(moves: Moves, store: Store) -> None:
    window = Unique(KEY, "for", DAY)
    offer(moves, "a", unique=window)
    moves.complete(*moves.fetch())
    assert offer(moves, "b", unique=window) == ["skipped a"]
    forget(store, "a")
    assert moves.state("a") == ""
    assert offer(moves, "c", unique=window) == ["skipped a"]
    assert offer(moves, "a", unique=window) == ["skipped a"]
    assert DAY - 60_000 < store.client.pttl(store.keys.unique(QUEUE, KEY)) <= DAY
    store.client.pexpire(store.keys.unique(QUEUE, KEY), 1)
    assert store.block(["nothing"], 0.01) is None
    assert offer(moves, "d", unique=window) == ["enqueued"]


@pytest.mark.parametrize("end", ["dead", "cancelled", "emptied", "freed"])
def test_a_window_ends_with_a_job_that_was_not_done(moves: Moves, store: Store, end: str) -> None:
    offer(moves, "a", unique=Unique(KEY, "for", DAY))
    ENDS[end](moves)
    assert holder(store) == ""


@pytest.mark.parametrize("mode", ["finished", "for"])
def test_a_dead_job_holds_its_key_if_it_is_to_until_it_is_gone(moves: Moves, store: Store, mode: str) -> None:
    unique = Unique(KEY, mode, DAY, hold_when_dead=True)
    offer(moves, "a", unique=unique)
    moves.bury(*moves.fetch())
    assert offer(moves, "b", unique=unique) == ["skipped a"]
    assert store.dead.discard(QUEUE, [("a", "g1")]) == [True]
    assert offer(moves, "b", unique=unique) == ["skipped a"]
    if mode == "finished":
        store.client.zadd(store.keys.trash(QUEUE), {"a": 1})
        store.queues.expire(QUEUE, DAY, 100)
        assert offer(moves, "b", unique=unique) == ["enqueued"]


def test_a_dead_job_that_is_retried_takes_its_key_again_if_it_is_free(moves: Moves, store: Store) -> None:
    offer(moves, "a")
    moves.bury(*moves.fetch())
    assert store.jobs.revive(QUEUE, [("a", "g1")]) == [True]
    assert holder(store) == "a"
    moves.bury(*moves.fetch())
    offer(moves, "b")
    assert store.jobs.revive(QUEUE, [("a", "g1")]) == [True]
    assert holder(store) == "b"
    moves.cancel("a")
    assert holder(store) == "b"


@pytest.mark.parametrize("delay_ms", [None, HOUR])
def test_an_emptied_job_that_is_restored_takes_its_key_again(moves: Moves, store: Store, delay_ms: int | None) -> None:
    offer(moves, "a", delay_ms=delay_ms)
    store.queues.empty(QUEUE)
    assert store.dead.restore(QUEUE, store.jobs.locate(QUEUE, ["a"])) == [True]
    assert offer(moves, "b") == ["skipped a"]


def test_a_key_without_a_time_whose_holder_is_unknown_is_free(moves: Moves, store: Store) -> None:
    store.client.set(store.keys.unique(QUEUE, KEY), "nobody")
    assert offer(moves, "a") == ["enqueued"]


REPLACE = Unique(KEY, "finished", on_conflict="replace")


@pytest.mark.parametrize("lane", ["", "c:act"])
@pytest.mark.parametrize("priority", [0, 10])
def test_a_job_takes_the_place_of_one_that_waits(moves: Moves, store: Store, lane: str, priority: int) -> None:
    offer(moves, "a", unique=REPLACE, lane=lane, priority=priority, expires_ms=HOUR)
    assert offer(moves, "b", unique=REPLACE, lane=lane) == ["replaced a"]
    assert offer(moves, "b", unique=REPLACE, lane=lane) == ["known"]
    [gone] = store.jobs.locate(QUEUE, ["a"])
    assert (gone.state, gone.record.error, gone.record.message) == ("cancelled", "Replaced", "replaced by job b")
    assert moves.fetch_ids(5) == ["b"]
    assert offer(moves, "c", unique=REPLACE, lane=lane) == ["enqueued"]
    assert holder(store) == "c"


def test_who_runs_is_left_alone_and_loses_the_key(moves: Moves, store: Store) -> None:
    offer(moves, "a", unique=REPLACE)
    jobs = moves.fetch()
    assert offer(moves, "b", unique=REPLACE) == ["enqueued"]
    moves.complete(*jobs)
    assert holder(store) == "b"


@pytest.mark.parametrize("where", ["dead", "completed", "forgotten"])
def test_a_holder_that_has_ended_is_left_alone_and_loses_the_key(moves: Moves, store: Store, where: str) -> None:
    unique = Unique(KEY, "for", DAY, "replace", hold_when_dead=True)
    offer(moves, "a", unique=unique)
    (moves.bury if where == "dead" else moves.complete)(*moves.fetch())
    if where == "forgotten":
        forget(store, "a")
    assert offer(moves, "b", unique=unique) == ["enqueued"]
    assert holder(store) == "b"
    assert moves.state("a") == {"forgotten": ""}.get(where, where)


def test_in_one_call_each_takes_the_place_of_the_one_before(moves: Moves, store: Store) -> None:
    said = offer(moves, "a", "b", "c", "b", unique=REPLACE)
    assert said == ["enqueued", "replaced a", "replaced b", "known"]
    assert [moves.state(i) for i in "abc"] == ["cancelled", "cancelled", "waiting"]
    assert moves.fetch_ids(5) == ["c"]


def test_in_one_call_a_delayed_one_may_lose_its_place_to_one_that_is_not(moves: Moves, store: Store) -> None:
    extend = Unique(KEY, "for", HOUR, "extend")
    jobs = [
        NewJob(id=job_id, type="act", queue=QUEUE, payload={}, unique=extend, delay_ms=delay)
        for job_id, delay in (("a", 1000), ("b", None))
    ]
    assert store.jobs.enqueue(jobs)[1] == Enqueued(jobs[1], "replaced", "a")
    assert store.settle.fetch("w", [QUEUE], 0).next_due_ms == 0
    assert moves.fetch_ids() == ["b"]


def test_jobs_of_one_call_keep_their_order_with_and_without_a_key(moves: Moves, store: Store) -> None:
    jobs = [
        NewJob(
            id=f"j{i}", type="act", queue=QUEUE, payload={}, unique=Unique(f"act|{i}", "finished") if i % 2 else None
        )
        for i in range(6)
    ]
    store.jobs.enqueue(jobs)
    assert moves.fetch_ids(9) == [f"j{i}" for i in range(6)]


def test_a_thousand_unique_jobs_fit_into_one_call(moves: Moves, store: Store) -> None:
    some = [
        {"unique": Unique(f"act|{i % 700}", "finished"), "lane": f"R|{i % 3}", "priority": i % 2} for i in range(1000)
    ]
    jobs = [
        NewJob(id=f"j{i}", type="act", queue=QUEUE, payload={}, expires_ms=HOUR, **options)  # type: ignore[arg-type]
        for i, options in enumerate(some)
    ]
    said = store.jobs.enqueue(jobs)
    assert sum(one.fresh for one in said) == 700
    assert said[700] == Enqueued(jobs[700], "skipped", "j0")


def test_throttle_the_last_one_runs_when_the_first_would_have(moves: Moves, store: Store) -> None:
    unique = Unique(KEY, "for", HOUR, "replace")
    offer(moves, "a", unique=unique, delay_ms=HOUR)
    due = store.client.zscore(store.keys.delayed(QUEUE), "a")
    assert offer(moves, "b", unique=unique, delay_ms=2 * HOUR) == ["replaced a"]
    assert store.client.zscore(store.keys.delayed(QUEUE), "b") == due
    assert abs(store.client.pexpiretime(store.keys.unique(QUEUE, KEY)) - due) <= 1


def test_debounce_the_time_begins_anew(moves: Moves, store: Store) -> None:
    unique = Unique(KEY, "for", 2 * HOUR, "extend")
    offer(moves, "a", unique=unique, delay_ms=HOUR)
    before = store.processes.now_ms()
    assert offer(moves, "b", unique=unique, delay_ms=2 * HOUR) == ["replaced a"]
    due = store.client.zscore(store.keys.delayed(QUEUE), "b")
    assert before <= due - 2 * HOUR <= store.processes.now_ms()
    assert HOUR < store.client.pttl(store.keys.unique(QUEUE, KEY)) <= 2 * HOUR


def test_a_key_may_be_any_text(moves: Moves, store: Store) -> None:
    name = 'act|ключ "x" \\ {}|:* 🗝'
    unique = Unique(name, "finished")
    offer(moves, "a", unique=unique, lane='r:act|ä"\\|:*')
    assert offer(moves, "b", unique=unique) == ["skipped a"]
    assert store.client.get(store.keys.unique(QUEUE, name)) == b"a"
    [job] = moves.fetch()
    assert job.lane == 'r:act|ä"\\|:*'
    moves.complete(job)
    assert offer(moves, "c", unique=unique) == ["enqueued"]


def test_a_tick_passes_unused_while_the_key_is_held(store: Store) -> None:
    def tick(at: int, job_id: str) -> tuple[str, ...]:
        job = NewJob(id=job_id, type="act", queue=QUEUE, payload={}, unique=Unique(KEY, "finished"))
        said = store.schedules.tick(Tick("s", at, at + 1, job))
        return (said.outcome, said.job.outcome, said.job.other) if said.job else (said.outcome,)

    became = [tick(1, "a"), tick(2, "b"), tick(2, "c")]
    assert became == [("used", "enqueued", ""), ("used", "skipped", "a"), ("taken",)]
    assert store.schedules.cursors(["s"])["s"].last_job == "a"


def test_a_removed_job_leaves_no_key(moves: Moves, store: Store) -> None:
    offer(moves, "a")
    moves.cancel("a")
    store.jobs.remove(QUEUE, ["a"])
    assert not store.client.exists(store.keys.uniques(QUEUE), store.keys.unique(QUEUE, KEY))


def test_what_replaced_a_job_is_said_in_its_record(moves: Moves, store: Store) -> None:
    offer(moves, "a", unique=REPLACE, delay_ms=HOUR)
    offer(moves, "b", unique=REPLACE)
    [found] = store.jobs.locate(QUEUE, ["a"])
    assert found.record == codec.Record(error="Replaced", message="replaced by job b")
