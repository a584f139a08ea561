"""Ghosts: ids of jobs whose body is gone. Another program, a dashboard say, deleted it and left the id where it was."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from jobctl.store.data import ids
from jobctl.store.data.states import ALL, Place
from jobctl.store.nouns import counts
from jobctl.store.nouns.trimming import groups_of
from jobctl.store.wire import steps
from jobctl.store.wire.connection import mapping
from jobctl.store.wire.steps import Rows

if TYPE_CHECKING:
    from jobctl.store.wire.namespace import Namespace

PAGE = 500
PAGES = 40
"""Pages of ids that one sweep of a queue looks at; the next one continues from there."""
_ENDED = tuple(state for state in ALL if state.ended)
_LIVE = tuple(state for state in ALL if not state.ended)
_PLACES = tuple(place for state in ALL for place in state.places if place.kind == "set")
"""Where ghosts are swept from. Those in the list and those that run go when a worker comes to them."""


class Ghosts:
    """The ghosts of a namespace."""

    def __init__(self, store: Namespace) -> None:
        self._store = store
        self._at: dict[str, tuple[int, int]] = {}

    def counts(self, queues: Iterable[str]) -> dict[str, int]:
        """How many ids of each queue have no body: O(1) a queue, since every body has exactly one id."""
        names, keys = list(queues), self._store.keys
        with mapping():
            pipe = self._store.client.pipeline(transaction=True)
            for queue in names:
                for states, bodies in ((_LIVE, keys.bodies), (_ENDED, keys.archive)):
                    counts.ask(pipe, keys, queue, states)
                    pipe.hlen(bodies(queue))
            replies = iter(pipe.execute() if names else [])
        out = {}
        for queue in names:
            found = [sum(counts.read(replies, states).values()) - int(next(replies)) for states in (_LIVE, _ENDED)]
            out[queue] = sum(max(0, more) for more in found)
        return out

    def sweep(self, queue: str) -> int:
        """Look at a bounded number of ids of a queue, and forget the ghosts among them; returns how many there were."""
        dropped = 0
        for place, page in self._pages(queue):
            if ghosts := self._without_body(queue, page):
                dropped += self._drop(queue, ghosts, dead=place.key == "dead")
        return dropped

    def _pages(self, queue: str) -> Iterator[tuple[Place, list[str]]]:
        """Pages of ids, from where the sweep before this one stopped."""
        number, cursor = self._at.get(queue, (0, 0))
        for _ in range(PAGES):
            place = _PLACES[number]
            with mapping():
                cursor, found = self._store.client.zscan(
                    getattr(self._store.keys, place.key)(queue), cursor, count=PAGE
                )
            if cursor == 0:
                number = (number + 1) % len(_PLACES)
            yield place, [ids.read(member) for member, _ in found]
            if cursor == number == 0:
                break
        self._at[queue] = (number, cursor)

    def _without_body(self, queue: str, page: Sequence[str]) -> list[str]:
        keys = self._store.keys
        with mapping():
            pipe = self._store.client.pipeline(transaction=False)
            for job_id in page:
                pipe.hexists(keys.bodies(queue), ids.write(job_id))
                pipe.hexists(keys.archive(queue), ids.write(job_id))
            there = pipe.execute() if page else []
        return [job_id for n, job_id in enumerate(page) if not there[2 * n] and not there[2 * n + 1]]

    def _drop(self, queue: str, ghosts: Sequence[str], *, dead: bool) -> int:
        groups = groups_of(self._store, queue, ghosts) if dead else [""] * len(ghosts)
        rows = list(zip(ghosts, groups, strict=True))
        return sum(steps.each(self._store, Rows("drop_ghosts", queue, (queue,), rows)))
