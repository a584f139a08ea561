"""Indexes of payload values: every job of the type is found by its value, in every state, until it is forgotten."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobctl.store import Store
from jobctl.store.data.indexed import Untaken, as_text, digest, entries, name_of
from jobctl.store.data.newjob import NewJob
from jobctl.store.nouns import intake
from jobctl.store.nouns.indexes import COMPLETE
from jobctl.store.nouns.schedules import Tick
from jobctl.store.nouns.shown import to_job
from tests.store.moves import QUEUE, Moves

NAME = name_of("act", "n")


def found(store: Store, value: str, queues: tuple[str, ...] = (QUEUE,)) -> list[str] | None:
    """As whoever asks an index does: what it names is looked at."""
    ids = store.indexes.find(queues, ["act"], "n", [value])
    if ids is None:
        return None
    jobs = [job for queue, some in ids.items() for job in store.jobs.locate(queue, some)]
    return sorted(job.id for job in jobs if str((to_job(job).payload or {}).get("n")) == value)


def enqueue(moves: Moves, *ids: str, n: object = 7, **options: object) -> None:
    payload = {"n": n}
    moves.enqueue(*ids, payload=payload, index=entries("act", ["n"], payload), **options)


def take_in(store: Store) -> None:
    for _ in intake.take_in(store, QUEUE):
        pass


def complete(store: Store) -> None:
    build = store.indexes.begin(QUEUE, NAME)
    assert store.indexes.end(QUEUE, NAME, build)


def test_a_job_is_found_in_every_state_until_it_is_forgotten(moves: Moves, store: Store) -> None:
    complete(store)
    enqueue(moves, "w", "d", "c", "x")
    enqueue(moves, "later", delay_ms=60_000)
    enqueue(moves, "other", n=8)
    assert found(store, "7") == ["c", "d", "later", "w", "x"]
    jobs = {job.id: job for job in moves.fetch_all(4)}
    moves.bury(jobs["d"])
    moves.complete(jobs["c"])
    moves.cancel("later")
    assert found(store, "7") == ["c", "d", "later", "w", "x"]
    assert store.jobs.remove(QUEUE, ["c", "later"]) == [True, True]
    store.dead.discard(QUEUE, [("d", "g1")])
    store.client.zadd(store.keys.trash(QUEUE), {"d": 1})
    store.queues.expire(QUEUE)
    assert found(store, "7") == ["w", "x"]
    assert found(store, "8") == ["other"]


def test_jobs_that_keep_trims_leave_the_index(moves: Moves, store: Store) -> None:
    complete(store)
    enqueue(moves, "a", "b", "c")
    moves.complete(*moves.fetch_all(3), keep_ms=0, keep_count=0)
    moves.enqueue("last")
    moves.complete(*moves.fetch(1), keep_ms=0, keep_count=0)
    assert set(found(store, "7") or ()) <= {i for i in ("a", "b", "c") if moves.state(i)}


def test_an_index_serves_only_when_it_is_complete(moves: Moves, store: Store) -> None:
    moves.enqueue("before")
    enqueue(moves, "a")
    assert found(store, "7") is None
    build = store.indexes.begin(QUEUE, NAME)
    assert found(store, "7") is None
    assert store.indexes.end(QUEUE, NAME, build)
    assert found(store, "7") == ["a"]
    assert store.indexes.drop(QUEUE, NAME)
    assert found(store, "7") is None
    assert store.indexes.ls(QUEUE) == []


def test_jobs_of_a_producer_that_does_not_know_the_index_are_found_all_the_same(moves: Moves, store: Store) -> None:
    complete(store)
    moves.enqueue("of another type", type="other")
    moves.enqueue("known", index=entries("act", ["n"], {}))  # there is no value, and the producer says so
    assert found(store, "7") == []
    moves.enqueue("unknown", payload={"n": 7})
    assert found(store, "7") == ["unknown"]
    take_in(store)
    assert found(store, "7") == ["unknown"]
    assert found(store, "8") == []


@pytest.mark.parametrize("knows", [True, False])
def test_ticks_are_indexed_too(store: Store, knows: bool) -> None:
    complete(store)
    index = entries("act", ["n"], {"n": 7}) if knows else ()
    job = NewJob(id="t", type="act", queue=QUEUE, payload={"n": 7}, index=index)
    assert store.schedules.tick(Tick("s", 1, 2, job, how="caught_up")).outcome == "used"
    assert found(store, "7") == ["t"]


def test_a_lost_index_does_not_serve(moves: Moves, store: Store) -> None:
    complete(store)
    enqueue(moves, "a")
    store.client.delete(store.keys.indexed(QUEUE, NAME))
    enqueue(moves, "b")
    assert found(store, "7") is None


def test_jobs_that_are_gone_are_not_added(moves: Moves, store: Store) -> None:
    moves.enqueue("a", payload={"n": 7})
    build = store.indexes.begin(QUEUE, NAME)
    store.indexes.add(QUEUE, [Untaken(one, "act", ((NAME, digest("7")),)) for one in ("a", "gone")])
    assert store.indexes.end(QUEUE, NAME, build)
    assert found(store, "7") == ["a"]


def test_types_without_an_index_write_nothing(moves: Moves, store: Store) -> None:
    moves.enqueue("a", "b")
    moves.complete(*moves.fetch_all(2))
    assert not store.client.exists(store.keys.index(QUEUE))


@given(st.one_of(st.text(max_size=100), st.integers(), st.booleans(), st.none()))
def test_a_digest_is_kept_exactly_and_a_number_is_its_text(value: object) -> None:
    [(name, text)] = entries("act", ["a.n"], {"a": {"n": value}})
    assert name == "act|a.n"
    assert text == digest(as_text(value))
    assert int(float(text)) == int(text) < 2**32


def test_what_is_no_scalar_is_not_indexed() -> None:
    payload = {"list": [1], "object": {"a": 1}, "dot.ted": 1}
    assert [text != "" for _, text in entries("act", ["list", "object", "none", "object.a", "dot.ted"], payload)] == [
        False, False, False, True, True,
    ]  # fmt: skip


def test_an_entry_takes_at_most_120_bytes(store: Store) -> None:
    ids = store.mint.many(QUEUE, 5_000)
    jobs = [
        NewJob(id=i, type="act", queue=QUEUE, payload={"n": n}, index=entries("act", ["n"], {"n": n}))
        for n, i in enumerate(ids)
    ]
    store.jobs.enqueue(jobs)
    assert store.client.memory_usage(store.keys.indexed(QUEUE, NAME), samples=0) <= 120 * len(ids)
    assert store.client.zscore(store.keys.indexed(QUEUE, NAME), COMPLETE) == -1  # the first jobs of the queue
