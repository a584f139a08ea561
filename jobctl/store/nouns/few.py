"""Queues that hold few jobs, read together: a round trip for each state of each queue takes minutes over 100,000."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from jobctl.store.data import ids
from jobctl.store.data.found import Found
from jobctl.store.data.states import BY_NAME, Place
from jobctl.store.nouns.jobs import Jobs
from jobctl.store.wire.connection import mapping

if TYPE_CHECKING:
    from jobctl.store.wire.namespace import Namespace

FEW = 10
"""Jobs in one place of a queue; where there are more, the queue is left to who reads it by itself."""
QUEUES = 100
"""That are read together."""


def read(store: Namespace, queues: Sequence[str], states: Sequence[str]) -> dict[str, list[list[Found]]]:
    """Of each of the queues that holds few jobs: the jobs that are kept in each of these states, the newest first where
    Redis keeps that order.

    The states are read in their order. A job that has moved on since its id was read comes with the state that it has
    now; one that moves may come twice.
    """
    kept = {queue: pages for queue, pages in _ids(store, queues, states).items() if pages is not None}
    every = {queue: list(dict.fromkeys(job_id for page in pages for job_id in page)) for queue, pages in kept.items()}
    there = {queue: {job.id: job for job in jobs} for queue, jobs in Jobs(store).locate_each(every).items()}
    return {
        queue: [[there[queue][job_id] for job_id in page if job_id in there[queue]] for page in pages]
        for queue, pages in kept.items()
    }


def _ids(store: Namespace, queues: Sequence[str], states: Iterable[str]) -> dict[str, list[list[str]] | None]:
    """For each queue the ids in each state; None if one of its places holds more than a few."""
    places = [(place, at) for at, state in enumerate(states) for place in BY_NAME[state].places]
    with mapping():
        pipe = store.client.pipeline(transaction=False)
        for queue in queues:
            for place, _ in places:
                _ask(pipe, getattr(store.keys, place.key)(queue), place)
        replies = iter(pipe.execute())
    out: dict[str, list[list[str]] | None] = {}
    for queue in queues:
        pages: list[list[str]] = [[] for _ in {at for _, at in places}]
        found = [(next(replies), place, at) for place, at in places]
        for page, place, at in found:
            pages[at] += map(ids.read, reversed(page) if place.kind == "list" else page)
        out[queue] = pages if all(len(page) <= FEW for page, _, _ in found) else None
    return out


def _ask(pipe: Any, key: str, place: Place) -> None:
    """Ask for the newest ids of a place, one more than a few at most."""
    match place.kind:
        case "list":
            pipe.lrange(key, -FEW - 1, -1)
        case "hash":
            pipe.hkeys(key)
        case "set":
            pipe.zrevrange(key, 0, FEW)
