"""Lists are complete: walks miss nothing that stays, whatever enters and leaves meanwhile."""

from __future__ import annotations

from itertools import chain

import pytest

from jobctl.ops.filters.filter import parse
from jobctl.ops.jobs import each, list_jobs
from jobctl.store import Store
from jobctl.store.data.newjob import NewJob
from jobctl.store.nouns.walk import MOST_ALIKE, walk_down
from tests.store.moves import QUEUE, Moves


@pytest.mark.inconsistent
@pytest.mark.parametrize("alike", [1, 300, 4 * MOST_ALIKE])
def test_a_walk_over_a_set_that_empties_meanwhile_misses_nothing_that_stays(store: Store, alike: int) -> None:
    members = {f"m{n:05}": float(n // alike) for n in range(10_000)}
    store.connection.zadd("zset", members)
    seen: list[str] = []
    for page in walk_down(store, "zset"):
        seen += page
        store.connection.zrem("zset", *page)  # as a bulk change does
        store.connection.zadd("zset", {f"new{len(seen)}": 1e9})
    assert len(seen) == len(set(seen))
    assert set(members) <= set(seen)


def test_a_walk_over_a_line_whose_head_leaves_meanwhile_misses_nothing_that_stays(moves: Moves, store: Store) -> None:
    ids = [f"j{n:04}" for n in range(2_000)]
    moves.enqueue(*ids)
    seen: list[str] = []
    for page in store.jobs.scan(QUEUE, "waiting", batch=100):
        seen += [found.id for found in page]
        moves.fetch(50)
        moves.enqueue(f"new{len(seen)}")
    gone = {found.id for found in chain.from_iterable(store.jobs.scan(QUEUE, "running"))}
    assert set(ids) - gone <= set(seen)


def test_all_of_8000_waiting_jobs_are_listed(store: Store) -> None:
    ids = store.mint.many(QUEUE, 8_000)
    store.jobs.enqueue([NewJob(id=i, type="act", queue=QUEUE, payload={}) for i in ids])
    assert [job.id for job in list_jobs(store, parse([]), 10_000)] == ids[::-1]
    assert [job.id for job in list_jobs(store, parse([]), 100)] == ids[:-101:-1]


def test_a_needle_among_thousands_is_found(store: Store) -> None:
    ids = store.mint.many(QUEUE, 6_000)
    jobs = [NewJob(id=i, type="act", queue=QUEUE, payload={"n": n}) for n, i in enumerate(ids)]
    store.jobs.enqueue(jobs)
    assert [job.id for job in each(store, parse(["args.n=0"]))] == [ids[0]]
    assert [job.id for job in list_jobs(store, parse(["args.n=0"]), 1)] == [ids[0]]


def test_a_job_is_listed_once_although_it_moves(moves: Moves, store: Store) -> None:
    moves.enqueue("a", "b", "c")
    listed = []
    for job in each(store, parse([])):
        listed.append(job.id)
        moves.fetch()  # the next one runs now
    assert sorted(listed) == ["a", "b", "c"]
