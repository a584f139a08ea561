"""Indexes of payload values: which there are, what they hold, and how they are built."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from jobctl.store.data import ids
from jobctl.store.data.indexed import digest, name_of
from jobctl.store.wire import steps
from jobctl.store.wire.connection import mapping
from jobctl.store.wire.steps import Rows

if TYPE_CHECKING:
    from jobctl.store.wire.namespace import Namespace

COMPLETE, BUILDING = "*complete", "*building"


class Index(msgspec.Struct, frozen=True):
    """An index of a queue. `entries` counts jobs."""

    queue: str
    name: str
    entries: int
    complete: bool
    building: bool

    @property
    def type(self) -> str:
        return self.name.partition("|")[0]

    @property
    def key(self) -> str:
        return self.name.partition("|")[2]


class Indexes:
    """The indexes of a namespace."""

    def __init__(self, store: Namespace) -> None:
        self._store = store

    def ls(self, queue: str) -> list[Index]:
        """The indexes of a queue."""
        client, keys = self._store.client, self._store.keys
        with mapping():
            names = sorted(ids.read(raw) for raw in client.smembers(keys.index(queue)))
            pipe = client.pipeline(transaction=False)
            for name in names:
                pipe.zcard(keys.indexed(queue, name)).zmscore(keys.indexed(queue, name), [COMPLETE, BUILDING])
            got = iter(pipe.execute() if names else [])
        out = []
        for name in names:
            count, (complete, building) = next(got), next(got)
            marks = (complete is not None) + (building is not None)
            out.append(Index(queue, name, count - marks, complete is not None, building is not None))
        return out

    def find(
        self, queues: Sequence[str], types: Sequence[str], path: str, values: Sequence[str]
    ) -> dict[str, list[str]] | None:
        """Ids, by queue, of all jobs of these types that may have one of the values (texts) at a key. None if a type
        has no index on it, or one that is not complete. The ids are to be looked at: digests may be equal by chance.

        A type is in one queue: where it has no index at all, it has no jobs.
        """
        names = [name_of(job_type, path) for job_type in types]
        there = self._there(queues, names)
        if {name for _, name in there} != set(names):
            return None
        digests, keys = [digest(value) for value in values], self._store.keys
        pipe = self._store.client.pipeline(transaction=False)
        for queue, name in there:
            pipe.zscore(keys.indexed(queue, name), COMPLETE)
            for one in digests:
                pipe.zrangebyscore(keys.indexed(queue, name), one, one)
        with mapping():
            got = iter(pipe.execute())
        found: dict[str, dict[str, None]] = {}
        for queue, _ in there:
            if next(got) is None:
                return None
            found.setdefault(queue, {}).update((ids.read(raw), None) for _ in digests for raw in next(got))
        return {queue: list(job_ids) for queue, job_ids in found.items()}

    def _there(self, queues: Sequence[str], names: Sequence[str]) -> list[tuple[str, str]]:
        """(queue, name) of those of the indexes that there are."""
        wanted = [(queue, name) for queue in queues for name in names]
        pipe = self._store.client.pipeline(transaction=False)
        for queue, name in wanted:
            pipe.sismember(self._store.keys.index(queue), name)
        with mapping():
            known = pipe.execute() if wanted else []
        return [one for one, there in zip(wanted, known, strict=True) if there]

    def begin(self, queue: str, name: str) -> None:
        """Begin to build an index: it serves nobody until `end`."""
        self._store.run("index_mark", queue, name, "begin")

    def add(self, queue: str, rows: Sequence[tuple[str, str, str]]) -> None:
        """Add jobs, given as (id, index, digest), to indexes."""
        for _ in steps.walk(self._store, Rows("index_add", queue, (), rows)):
            pass

    def end(self, queue: str, name: str) -> bool:
        """The build has seen every job. False if the index has a hole by now, and does not serve."""
        return bool(self._store.run("index_mark", queue, name, "end"))

    def drop(self, queue: str, name: str) -> bool:
        """Delete an index; False if there was none. A producer whose catalog has it begins it anew."""
        with mapping():
            pipe = self._store.writer.pipeline(transaction=True)
            pipe.srem(self._store.keys.index(queue), name)
            pipe.unlink(self._store.keys.indexed(queue, name))
            return any(pipe.execute())

    def scores(self, queue: str, name: str, job_ids: Sequence[str]) -> list[str | None]:
        """The digests that an index has of some jobs; None of those that are not in it."""
        with mapping():
            found = self._store.client.zmscore(self._store.keys.indexed(queue, name), list(map(ids.write, job_ids)))
        return [None if score is None else str(int(score)) for score in found]
