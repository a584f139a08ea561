"""Jobs by a filter that a person types, read again no more often than it costs."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from jobctl import clock
from jobctl.errors import RedisUnavailable
from jobctl.ops import jobs
from jobctl.ops.filters.filter import Filter, parse
from jobctl.ops.filters.lex import is_id

if TYPE_CHECKING:
    from jobctl.store import Store
    from jobctl.store.data.records import Job

MOST = 100
"""Jobs that are listed: the newest."""
SHARE = 100
"""What a search took passes so many times before the same is searched again: it takes at most 1 % of the time."""


def read_filter(text: str) -> Filter:
    """The filter that someone typed, who may also have typed ids. Raises FilterError."""
    words = text.split()
    if words and all(map(is_id, words)):
        return parse([" OR ".join(f"id:{word}" for word in words)])
    return parse([text] if words else [])


class Finder:
    """The newest jobs that match a filter."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._wanted: Filter | None = None
        self._found: list[Job] | None = None
        self._due = float("-inf")

    def found(self, wanted: Filter) -> list[Job] | None:
        """What was found last by a filter; None if it was not looked for yet."""
        return self._found if wanted is self._wanted else None

    def stale(self) -> None:
        """Jobs have changed: the next look searches."""
        self._due = float("-inf")

    def look(self, wanted: Filter) -> None:
        """Search, if another filter is wanted or it is time again. Does nothing while Redis is away."""
        with self._lock:
            began = clock.monotonic()
            if wanted is self._wanted and began < self._due:
                return
            try:
                found = list(jobs.list_jobs(self._store, wanted, MOST))
            except RedisUnavailable:
                return
            ended = clock.monotonic()
            self._wanted, self._found, self._due = wanted, found, ended + SHARE * (ended - began)
