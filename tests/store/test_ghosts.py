"""Ids whose body another program deleted: counted, and forgotten by a sweep wherever they are."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from jobctl.store import Store
from jobctl.store.data.newjob import Unique
from tests.store import invariants
from tests.store.hourglass import HOUR
from tests.store.moves import QUEUE, Moves

PLACES: dict[str, Callable[[Moves], object]] = {
    "delayed": lambda m: m.enqueue("a", delay_ms=HOUR, unique=Unique("act|k", "finished"), expires_ms=2 * HOUR),
    "retrying": lambda m: (m.enqueue("a"), m.retry(*m.fetch())),
    "ordered": lambda m: m.enqueue("a", priority=5),
    "limited": lambda m: m.enqueue("a", lane="c:act"),
    "completed": lambda m: (m.enqueue("a"), m.complete(*m.fetch())),
    "cancelled": lambda m: (m.enqueue("a"), m.cancel("a")),
    "dead": lambda m: (m.enqueue("a"), m.bury(*m.fetch())),
    "trash": lambda m: (m.enqueue("a"), m.bury(*m.fetch()), m.store.dead.discard(QUEUE, [("a", "g1")])),
    "emptied": lambda m: (m.enqueue("a", delay_ms=HOUR), m.store.queues.empty(QUEUE)),
}


def delete_body(store: Store, job_id: str) -> None:
    """What a dashboard of another program does."""
    assert (
        store.client.hdel(store.keys.bodies(QUEUE), job_id) + store.client.hdel(store.keys.archive(QUEUE), job_id) == 1
    )


@pytest.mark.parametrize("place", PLACES)
def test_an_id_without_a_body_is_counted_and_forgotten_with_all_that_belongs_to_it(
    moves: Moves, store: Store, place: str
) -> None:
    PLACES[place](moves)
    moves.enqueue("b", delay_ms=HOUR)
    assert store.ghosts.counts([QUEUE]) == {QUEUE: 0}
    assert store.ghosts.sweep(QUEUE) == 0
    delete_body(store, "a")
    assert store.ghosts.counts([QUEUE, "other"]) == {QUEUE: 1, "other": 0}
    assert [store.ghosts.sweep(QUEUE) for _ in range(2)] == [1, 0]
    assert store.ghosts.counts([QUEUE]) == {QUEUE: 0}
    assert invariants.check(store) == []
    assert moves.state("b") == "delayed"
    assert not store.client.exists(store.keys.unique(QUEUE, "act|k"), store.keys.expiring(QUEUE))


def test_a_dead_ghost_leaves_its_group_even_without_a_record(moves: Moves, store: Store) -> None:
    moves.enqueue("a", "b")
    moves.bury(*moves.fetch(2))
    delete_body(store, "a")
    store.client.hdel(store.keys.records(QUEUE), "a")
    assert store.ghosts.sweep(QUEUE) == 1
    assert store.client.zrange(store.keys.group(QUEUE, "g1"), 0, -1) == [b"b"]


def test_a_sweep_looks_at_a_bounded_number_and_the_next_one_goes_on(
    moves: Moves, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobctl.store.nouns.ghosts.PAGES", 2)
    moves.enqueue(*[f"j{n}" for n in range(3000)], delay_ms=HOUR)
    delete_body(store, "j7")
    sweeps = [store.ghosts.sweep(QUEUE) for _ in range(10)]
    assert sum(sweeps) == 1
    assert store.queues.depth([QUEUE])[0].delayed == 2999


def test_what_runs_or_waits_in_the_list_is_left_to_the_worker_that_comes_to_it(moves: Moves, store: Store) -> None:
    moves.enqueue("a", "b", "c")
    [job] = moves.fetch()
    for job_id in ("a", "b"):
        delete_body(store, job_id)
    assert store.ghosts.sweep(QUEUE) == 0
    assert moves.fetch_ids(5) == ["c"]
    moves.complete(job)
    assert moves.waiting() == 0
