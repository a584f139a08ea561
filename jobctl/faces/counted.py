"""What queues did in the last minutes, from the minute counters: only job types of which something new was counted are
read again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from jobctl.faces.sample import MINUTES
from jobctl.store.nouns.stats import MINUTE_MS, Kind, span
from jobctl.store.nouns.stats import MINUTES as BY_MINUTE

if TYPE_CHECKING:
    from jobctl.store import Store

COUNTERS = ("enqueued", "completed", "failed")
OVERLAP_MS = 2 * MINUTE_MS
"""A minute is closed by the first event after it: so much of what was read is read again."""


class Counted(msgspec.Struct, frozen=True):
    """Three series of a queue, of MINUTES numbers each."""

    enqueued: tuple[int, ...] = (0,) * MINUTES
    completed: tuple[int, ...] = (0,) * MINUTES
    failed: tuple[int, ...] = (0,) * MINUTES


NOTHING = Counted()
_Minutes = dict[int, tuple[int, ...]]


class Counters:
    """The counters of a namespace, as they were when they were read last."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._minutes: dict[Kind, _Minutes] = {}
        self._read_at = 0
        self._last = 0

    def read(self, queues: Sequence[str], now_ms: int) -> int:
        """Read what is new; `now_ms` is on Redis's clock. Returns how many commands that took."""
        since = max(self._read_at - OVERLAP_MS, now_ms - MINUTES * MINUTE_MS)
        fresh = self._store.stats.kinds(queues, since)
        wanted = span(BY_MINUTE, since if self._minutes else now_ms - MINUTES * MINUTE_MS, now_ms + 1)
        for kind, parts in self._store.stats.series(fresh, wanted).items():
            known = self._minutes.setdefault(kind, {})
            for number, counts in enumerate(parts, wanted.first):
                known[number] = tuple(getattr(counts, name) for name in COUNTERS)
        self._read_at, self._last = now_ms, now_ms // MINUTE_MS
        self._forget(set(queues))
        return len(queues) + 2 * len(fresh)

    def _forget(self, queues: set[str]) -> None:
        """What is too old to be shown, and queues that are gone."""
        first = self._last - MINUTES
        for kind, known in list(self._minutes.items()):
            kept = {number: counts for number, counts in known.items() if number > first}
            if kept and kind.queue in queues:
                self._minutes[kind] = kept
            else:
                del self._minutes[kind]

    def by_queue(self) -> Mapping[str, Counted]:
        """The series of each queue of which something was counted."""
        found: dict[str, list[_Minutes]] = {}
        for kind, known in self._minutes.items():
            found.setdefault(kind.queue, []).append(known)
        return {queue: self._summed(parts) for queue, parts in found.items()}

    def _summed(self, parts: Iterable[_Minutes]) -> Counted:
        first = self._last - MINUTES + 1
        sums = [[0] * MINUTES for _ in COUNTERS]
        for known in parts:
            for number, counts in known.items():
                if number >= first:
                    for row, count in zip(sums, counts, strict=True):
                        row[number - first] += count
        return Counted(*map(tuple, sums))
