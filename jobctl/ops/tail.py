"""What happened to jobs, and what happens from now on."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from jobctl.ops.filters.filter import Filter
from jobctl.ops.filters.subjects import of_event
from jobctl.store import Store
from jobctl.store.data.records import Event

FAILURES = frozenset({"retrying", "dead", "lost"})
"""The events of attempts that did not succeed; one that timed out is `retrying` or `dead`."""


@dataclass(frozen=True, slots=True)
class Watch:
    """Which events to show."""

    wanted: Filter
    failures: bool = False

    def shows(self, event: Event) -> bool:
        return (not self.failures or event.event in FAILURES) and self.wanted.matches(of_event(event))


def recent(store: Store, watch: Watch, count: int) -> tuple[list[Event], str]:
    """The latest `count` events that match, of all that are kept, oldest first, and the position after the latest."""
    found: deque[Event] = deque()
    position: str | None = None
    for page, first in store.events.back():
        position = position or first
        for event in reversed(page):
            if len(found) == count:
                break
            if watch.shows(event):
                found.appendleft(event)
        if len(found) >= count:
            break
    return list(found), position or "0-0"


def follow(store: Store, watch: Watch, position: str) -> Iterator[Event]:
    """Events after a position as they happen, without end."""
    while True:
        events, position = store.events.after(position)
        yield from (event for event in events if watch.shows(event))
