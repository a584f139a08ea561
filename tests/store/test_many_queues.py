"""Many queues cost a listing few round trips: nothing is asked queue by queue where nothing is."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from jobctl.ops import dead as dead_letters
from jobctl.ops import jobs, limits, queues, stock
from jobctl.ops.bulk.selection import read
from jobctl.ops.filters.filter import parse
from jobctl.store import Store
from tests.store.moves import Moves

QUEUES = 2_000
LOOKS: dict[str, Callable[[Store], object]] = {
    "queue ls": lambda store: [row.waiting for row in queues.ls(store, None) if row.waiting],
    "job ls": lambda store: [job.id for job in jobs.list_jobs(store, parse([]), 9)],
    "dead ls": lambda store: list(dead_letters.ls(store, read(store, None, []), 9)),
    "dead groups": lambda store: dead_letters.groups(store, read(store, None, [])),
    "limit ls": lambda store: limits.ls(store, None),
    "inboxes": lambda store: stock.take_in(store, store.queues.names(), write=True).left,
}


@pytest.mark.parametrize("look", LOOKS)
def test_a_listing_over_many_queues_takes_few_round_trips(moves: Moves, store: Store, look: str) -> None:
    names = [f"q{number:05}" for number in range(QUEUES)]
    store.queues.register(names)
    moves.enqueue("a", queue=names[-1])
    before = _turns(store)
    found = LOOKS[look](store)
    assert _turns(store) - before < QUEUES / 10
    assert found == {"queue ls": [1], "job ls": ["a"], "inboxes": 0}.get(look, [])


def test_queues_that_hold_few_jobs_are_read_together(moves: Moves, store: Store) -> None:
    names = [f"q{number:03}" for number in range(150)]
    for name in names:
        moves.enqueue(f"{name}.waiting", f"{name}.done", f"{name}.dead", queue=name)
        [done, dead] = moves.fetch(2, queues=[name])
        moves.complete(done)
        moves.bury(dead)
    moves.enqueue(*(f"many.{number}" for number in range(30)), queue=names[0])
    before = _turns(store)
    found = {(job.queue, job.state) for job in jobs.each(store, parse([]))}
    assert found == {(name, state) for name in names for state in ("waiting", "completed", "dead")}
    assert len(list(jobs.list_jobs(store, parse([]), 1_000))) == 3 * len(names) + 30
    assert _turns(store) - before < 3 * len(names)  # a third of these are results; it took ten each
    before = _turns(store)
    assert len(list(dead_letters.ls(store, read(store, None, []), None))) == len(names)
    assert [row.queue for row in dead_letters.ls(store, read(store, None, []), 2)] == names[:-3:-1]  # the latest
    assert _turns(store) - before < len(names) / 3


def test_a_queue_in_which_nothing_is_costs_a_listing_a_look_or_two(store: Store) -> None:
    store.queues.register(f"q{number:05}" for number in range(QUEUES))
    before = _commands(store)
    assert len(queues.ls(store, None)) == QUEUES
    assert _commands(store) - before < 4 * QUEUES


def _commands(store: Store) -> int:
    """How many commands the server has run, those of scripts included."""
    return sum(int(row["calls"]) for row in store.client.info("commandstats").values())


def _turns(store: Store) -> int:
    """How often the server has read from clients."""
    return int(store.client.info("stats")["total_reads_processed"])
