"""Reads what faces show: in one place, at one pace for all who look, and only while someone looks."""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from msgspec.structs import asdict, replace

from jobctl import clock
from jobctl.errors import RedisUnavailable
from jobctl.faces.counted import NOTHING, Counters
from jobctl.faces.sample import QueueFace, Sample, rate
from jobctl.ops import limits, queues
from jobctl.ops.schedules import look as schedules
from jobctl.store.nouns.notes import Note

if TYPE_CHECKING:
    from jobctl.catalog.model import Catalog
    from jobctl.store import Store
    from jobctl.store.data.records import DeadGroup, QueueRow

PACE_S = 2.0
"""How often queues, workers and events are read."""
SLOW_S = 6.0
"""How often groups, limits, schedules and counters are read: one part a look."""
PATIENCE_S = 1.0
"""How long a look is waited for, before what was seen last is shown."""
COMMANDS_A_SECOND = 5.0
"""What each of the slow parts may take on average: one that takes more commands is read less often."""
GROUPS = 100
EVENTS = 100


class Sampler:
    """What is seen of a namespace. Many may look at once: who comes first reads, the others see what he saw."""

    def __init__(self, store: Store, catalog: Catalog | None) -> None:
        self._store = store
        self._catalog = catalog
        self._lock = threading.Lock()
        self._counters = Counters(store)
        self._sample = Sample()
        self._read_at = float("-inf")
        self._under_way: Future[Sample] | None = None
        self._groups: dict[str, tuple[int, list[DeadGroup]]] = {}
        reads = (self._read_counters, self._read_groups, self._read_limits, self._read_schedules)
        self._parts = [_Part(read) for read in reads]

    @property
    def last(self) -> Sample:
        """What was seen last, without a look."""
        return self._sample

    def look(self, patience_s: float = PATIENCE_S) -> Sample:
        """The present sample, read anew if the last one is older than PACE_S. Never raises RedisUnavailable: the sample
        then says that Redis is away. Where that takes longer than `patience_s`, it is what was seen before."""
        with self._lock:
            if clock.monotonic() - self._read_at < PACE_S:
                return self._sample
            if self._under_way is None:
                self._under_way = Future[Sample]()
                threading.Thread(target=self._refresh, args=(self._under_way,), name="sampler", daemon=True).start()
            under_way = self._under_way
        try:
            return under_way.result(patience_s)
        except TimeoutError:
            return self._sample

    def _refresh(self, told: Future[Sample]) -> None:
        """Read, and tell all who wait."""
        error: Exception | None = None
        try:
            self._sample = self._read(clock.monotonic())
        except RedisUnavailable as problem:
            self._sample = replace(self._sample, away=str(problem))
        except Exception as problem:  # noqa: BLE001 - it is raised again where someone waits
            error = problem
        with self._lock:
            self._read_at, self._under_way = clock.monotonic(), None
        told.set_result(self._sample) if error is None else told.set_exception(error)

    def stale(self) -> None:
        """Someone has changed something: the next look reads, and the slow parts follow one by one."""
        with self._lock:
            self._read_at = float("-inf")
            self._groups = {}
            for part in self._parts:
                part.due = float("-inf")

    def _read(self, now: float) -> Sample:
        rows = queues.ls(self._store, self._catalog)
        found: dict[str, Any] = {}
        due = sorted((part for part in self._parts if part.due <= now), key=lambda part: part.due)
        for part in due if self._sample.at is None else due[:1]:
            found |= part.read(now, rows)
        counted = self._counters.by_queue()
        events, _ = self._store.events.recent(EVENTS)
        return replace(
            self._sample,
            at=clock.to_datetime(clock.now_ms()),
            away=None,
            queues=tuple(_face(row, counted.get(row.queue, NOTHING)) for row in rows),
            processes=tuple(self._store.processes.ls()),
            events=tuple(events),
            **found,
        )

    def _read_counters(self, rows: list[QueueRow]) -> tuple[int, dict[str, Any]]:
        return self._counters.read([row.queue for row in rows], self._store.processes.now_ms()), {}

    def _read_groups(self, rows: list[QueueRow]) -> tuple[int, dict[str, Any]]:
        """Of queues whose number of dead letters has changed, the groups are read again."""
        cost, before = 1, self._groups
        groups_of: dict[str, tuple[int, list[DeadGroup]]] = {}
        for row in rows:
            if row.dead:
                known = before.get(row.queue)
                if known is None or known[0] != row.dead:
                    known = (row.dead, self._store.dead.groups(row.queue))
                    cost += 1 + 3 * len(known[1])
                groups_of[row.queue] = known
        self._groups = groups_of  # `stale` takes it away at any moment
        notes = self._store.notes.all() if groups_of else {}
        found = [
            group
            for _, groups in groups_of.values()
            for group in groups
            if group.count > (notes.get((group.queue, group.group), Note()).muted or 0)
        ]
        latest = heapq.nlargest(GROUPS, found, key=_last_death)
        return cost, {"groups": tuple(latest), "groups_left_out": max(0, len(found) - GROUPS)}

    def _read_limits(self, rows: list[QueueRow]) -> tuple[int, dict[str, Any]]:
        found = limits.ls(self._store, self._catalog)
        return len(rows) + 5 * len(found), {"limits": tuple(found)}

    def _read_schedules(self, _rows: list[QueueRow]) -> tuple[int, dict[str, Any]]:
        found = schedules.ls(self._store, self._catalog)
        return 6 + 2 * len(found), {"schedules": tuple(found)}


class _Part:
    """A part of the sample that changes slowly, or costs much. `read` says how many commands it took, and what it
    found."""

    def __init__(self, read: Callable[[list[QueueRow]], tuple[int, dict[str, Any]]]) -> None:
        self._read = read
        self.due = float("-inf")

    def read(self, now: float, rows: list[QueueRow]) -> dict[str, Any]:
        """What is there now; says when it is due again."""
        cost, found = self._read(rows)
        self.due = now + max(SLOW_S, cost / COMMANDS_A_SECOND)
        return found


def _last_death(group: DeadGroup) -> float:
    return 0.0 if group.last_died_at is None else group.last_died_at.timestamp()


def _face(row: QueueRow, counted: Any) -> QueueFace:
    return QueueFace(
        **asdict(row),
        enqueued=counted.enqueued,
        completed=counted.completed,
        failed=counted.failed,
        enqueued_per_minute=rate(counted.enqueued),
        completed_per_minute=rate(counted.completed),
        failed_per_minute=rate(counted.failed),
    )
