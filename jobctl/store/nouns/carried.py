"""Operations that supervisors and schedulers carry on: their jobs in chunks, the turn to carry one on, its steps, and
how the jobs that it released have fared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from jobctl.errors import OperationFailed
from jobctl.store.data import ids
from jobctl.store.nouns.operations import MOST, Intent, Pace, new_id
from jobctl.store.wire.connection import mapping

if TYPE_CHECKING:
    from jobctl.store.wire.namespace import Namespace
    from jobctl.store.wire.script import Argument

CHUNK = 500
MOST_JOBS = 1_000_000
LEASE_MS = 5_000
"""For how long nobody else carries an operation on after its carrier was last heard of."""
WRITING_S = 3_600
"""Chunks of an operation that never began are deleted after so long."""
LOOKED_AT = 500


class Chunk(msgspec.Struct, frozen=True):
    """Jobs of one queue and one type."""

    queue: str
    type: str
    ids: tuple[str, ...]


class Turn(msgspec.Struct, frozen=True):
    """What may be done now. `state`: running (and the rest holds), taken, ended (into `now`), or any other state."""

    state: str
    at: str = ""
    may: int = 0
    until_ms: int = 0
    now: str = ""


class Carried:
    """The operations of a namespace that are carried on in the background."""

    def __init__(self, store: Namespace) -> None:
        self._store = store

    def start(self, intent: Intent, pace: Pace, jobs: Mapping[tuple[str, str], Sequence[str]]) -> str:
        """Begin an operation with exactly these jobs, by (queue, type). Nothing happens before all are written."""
        name = new_id()
        key = self._store.keys.operation(name, ":jobs")
        chunks = 0
        writer = self._store.writer
        for packed in _packed(jobs):
            with mapping():
                writer.rpush(key, packed)
                if not chunks:
                    writer.expire(key, WRITING_S)
            chunks += 1
        fields: dict[str, Argument] = {"intent": msgspec.json.encode(intent), "canary": pace.canary}
        if pace.rate:
            fields["every"] = repr(pace.per_ms / pace.rate)
        if pace.failing is not None:
            fields["failing"] = f"{pace.failing:g}"
        args = [part for field in fields.items() for part in field]
        if self._store.run("operation_begin", (), name, MOST, chunks, *args) != 1:
            raise OperationFailed("the operation was not begun: its jobs could not all be written", "run it again")
        return name

    def names(self) -> list[str]:
        """The operations that are to be carried on, or whose jobs are looked at still."""
        with mapping():
            return sorted(ids.read(name) for name in self._store.client.smembers(self._store.keys.operating()))

    def next_chunk(self, name: str) -> Chunk | None:
        """The jobs that come next, as far as one can tell without the turn."""
        with mapping():
            at = self._store.client.hget(self._store.keys.operation(name), "at") or b""
        number = at.partition(b" ")[0]
        return self.chunk(name, int(number)) if number.isdigit() else None

    def chunk(self, name: str, number: int) -> Chunk | None:
        """The jobs of a chunk, counted from 0."""
        with mapping():
            packed = self._store.client.lindex(self._store.keys.operation(name, ":jobs"), number)
        if packed is None:
            return None
        queue, job_type, *members = ids.read(packed).split("\n")
        return Chunk(queue, job_type, tuple(members))

    def turn(self, name: str, carrier: str) -> Turn:
        """Take the turn to carry an operation on, or keep it."""
        state, *rest = self._store.run("operation_turn", (), name, carrier, LEASE_MS, CHUNK)
        said = ids.read(state)
        if said == "running":
            at, may, began = rest
            return Turn(said, ids.read(at), int(may), int(began))
        return Turn(said, now=ids.read(rest[0])) if rest else Turn(said)

    def step(self, name: str, carrier: str, turn: Turn, chunk: Chunk, rows: Sequence[tuple[str, str, str]]) -> int:
        """Retry the jobs that come next in a chunk, given as (id, group, attempts that it has had, or "f" if it cannot
        be retried); how many were gone through, -1 if the turn was lost meanwhile."""
        args = [part for row in rows for part in row]
        head = (chunk.queue, name, "step", carrier, turn.at, len(chunk.ids), turn.until_ms)
        gone, *_ = self._store.run("revive", chunk.queue, *head, *args)
        return int(gone)

    def open(self, name: str, cursor: int) -> tuple[int, list[tuple[str, str, int]]]:
        """Some of the released jobs whose outcome is not known: (queue, id, attempts before), and where to go on."""
        with mapping():
            cursor, raw = self._store.client.hscan(self._store.keys.operation(name, ":open"), cursor, count=LOOKED_AT)
        found = []
        for field, count in raw.items():
            queue, _, job_id = ids.read(field).partition(" ")
            found.append((queue, job_id, int(count) if count.isdigit() else 0))
        return int(cursor), found

    def fared(self, name: str, outcomes: Sequence[tuple[str, str, str]]) -> bool:
        """Note outcomes, as (queue, id, outcome); whether the operation is stopped by them."""
        stopped = False
        for start in range(0, len(outcomes), LOOKED_AT):
            rows = outcomes[start : start + LOOKED_AT]
            args = [part for queue, job_id, outcome in rows for part in (f"{queue} {job_id}", outcome)]
            stopped = bool(self._store.run("operation_outcome", (), name, *args)) or stopped
        return stopped

    def order(self, name: str, order: str, why: str) -> tuple[bool, str]:
        """Pause, resume or abort an operation: (whether it was done, the state that it is in; "" for none)."""
        done, state = self._store.run("operation_order", (), name, order, why)
        return bool(done), ids.read(state)


def _packed(jobs: Mapping[tuple[str, str], Sequence[str]]) -> Iterator[str | bytes]:
    for (queue, job_type), members in jobs.items():
        for start in range(0, len(members), CHUNK):
            yield ids.write("\n".join((queue, job_type, *members[start : start + CHUNK])))
