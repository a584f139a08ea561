"""What becomes of an attempt: completed, retried, dead, cancelled, or given back. Used by the engine alone.

Each method prepares what is to be done with many jobs of one queue, for `write`. Attempts that are no longer current
(their token has been replaced) are left as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from jobctl import clock
from jobctl.store.data import ids
from jobctl.store.wire import steps
from jobctl.store.wire.bounds import EVENTS_KEPT
from jobctl.store.wire.steps import Rows

if TYPE_CHECKING:
    from jobctl.catalog.model import Keep
    from jobctl.store.wire.namespace import Namespace


class Ended(msgspec.Struct, frozen=True):
    """One attempt that is over. `record` and `event` are encoded; an empty event is not published. `attempt` and
    `trace` are what data.attempts.encode makes, `result` is JSON; each is empty if there is none.

    `body` replaces the job's body when it is retried; empty leaves it. `lane` is that of a job that is given back
    because its limits were not known before, and `expires_ms` (epoch, 0 leaves it) when that was not known either;
    `pause_ms` is for how long its rate limits are to admit nothing. One that is given back, retried or dead and was not
    `begun` is not counted against its rates. `mark` is what data.stats.mark makes; an empty one is not counted.
    `size` are the bytes of the body of one that is completed, 0 if they are not known.
    """

    id: str
    token: str
    record: bytes = b""
    event: bytes = b""
    attempt: bytes = b""
    trace: bytes = b""
    result: bytes = b""
    delay_ms: int = 0
    group: str = ""
    group_info: bytes = b""
    crashed: bool = False
    body: bytes = b""
    lane: str = ""
    pause_ms: int = 0
    expires_ms: int = 0
    begun: bool = True
    mark: str = ""
    size: int = 0


class Begun(msgspec.Struct, frozen=True):
    """An attempt that runs, and since when (monotonic clock). `mark` is as that of `Ended`."""

    queue: str
    id: str
    token: str
    since: float
    mark: str = ""


class Reserved(msgspec.Struct, frozen=True):
    """A job handed out by fetch. `lane` is "" if it has no limits; `expires_ms` is epoch ms, 0 for never."""

    queue: str
    id: str
    token: str
    body: bytes
    record: bytes
    crashes: int
    lane: str = ""
    expires_ms: int = 0

    @property
    def ref(self) -> ids.JobRef:
        return ids.JobRef(self.queue, self.id)


class Fetched(msgspec.Struct, frozen=True):
    """What a fetch brought: Redis's time, when the next delayed job of any queue is due (0: none), the jobs, and which
    job types are paused."""

    now_ms: int
    next_due_ms: int
    jobs: tuple[Reserved, ...]
    paused_types: frozenset[str] = frozenset()


class Settle:
    """Reservations: taking them and ending them."""

    def __init__(self, store: Namespace) -> None:
        self._store = store

    def fetch(self, worker: str, queues: Sequence[str], want: int) -> Fetched:
        """Reserve at most `want` jobs of `queues`, asked in the order given."""
        reply = self._store.run("fetch", queues, worker, want, *queues)
        jobs = tuple(_reserved(queues, reply[at : at + 6]) for at in range(3, len(reply), 6))
        paused = frozenset(reply[2].decode().split("\n")) if reply[2] else _NONE
        return Fetched(reply[0], reply[1], jobs, paused)

    def fill(self, queue: str, jobs: Sequence[tuple[str, str, bytes]]) -> int:
        """Write the bodies of jobs of hooks, given as (id, token, body); how many are still held by these tokens."""
        work = Rows("fill", queue, (), jobs)
        return len(jobs) - len(steps.named(work, steps.run(self._store, [work])[0]))

    def begun(self, jobs: Iterable[Begun]) -> list[Rows]:
        """Say since when attempts run, for `steps.run`."""
        by_queue: dict[str, list[tuple[str, str, int, str]]] = {}
        for job in jobs:
            ran_ms = round((clock.monotonic() - job.since) * 1000)
            by_queue.setdefault(job.queue, []).append((job.id, job.token, max(0, ran_ms), job.mark))
        return [Rows("begin", queue, (), rows) for queue, rows in by_queue.items()]

    def complete(self, queue: str, keep_ms: int, keep_count: int, jobs: Sequence[Ended]) -> Rows:
        rows = [(j.id, j.token, j.record, j.event, j.result, j.mark) for j in jobs]
        known = all(j.size for j in jobs)
        largest = max(j.size + len(j.record) + len(j.result) for j in jobs) if known and jobs else ""
        return Rows("complete", queue, (queue, keep_ms, keep_count, EVENTS_KEPT, largest), rows)

    def retry(self, queue: str, jobs: Sequence[Ended]) -> Rows:
        rows = [
            (j.id, j.token, j.delay_ms, j.record, j.event, j.body, j.pause_ms, j.attempt, j.trace, int(j.begun), j.mark)
            for j in jobs
        ]
        return Rows("retry", queue, (queue, EVENTS_KEPT), rows)

    def bury(self, queue: str, jobs: Sequence[Ended]) -> Rows:
        rows = [
            (j.id, j.token, j.record, j.event, j.group, j.group_info, j.attempt, j.trace, int(j.begun), j.mark)
            for j in jobs
        ]
        return Rows("bury", queue, (queue, EVENTS_KEPT), rows)

    def cancelled(self, queue: str, jobs: Sequence[Ended]) -> Rows:
        rows = [(j.id, j.token, j.record, j.event, j.attempt, j.mark) for j in jobs]
        return Rows("cancelled", queue, (queue, EVENTS_KEPT), rows)

    def requeue(self, queue: str, jobs: Sequence[Ended]) -> Rows:
        """Give reservations back to the head of their line, or to their `lane`; `crashed` ones count a crash."""
        to_back = [j for j in jobs if j.lane]
        to_head = [j for j in reversed(jobs) if not j.lane]  # each goes before those that went before it
        rows = [_requeued(j) for j in (*to_back, *to_head)]
        return Rows("requeue", queue, (queue, EVENTS_KEPT), rows)

    def end(self, kind: str, queue: str, jobs: Sequence[Ended], keep: Keep) -> Rows:
        """End attempts in one way: complete, retry, bury, cancelled or requeue. `keep` bounds what stays of completed
        jobs."""
        if kind == "complete":
            return self.complete(queue, keep.completed_ms, keep.count, jobs)
        writers: Mapping[str, Callable[[str, Sequence[Ended]], Rows]] = {
            "retry": self.retry,
            "bury": self.bury,
            "cancelled": self.cancelled,
            "requeue": self.requeue,
        }
        return writers[kind](queue, jobs)

    def write(self, endings: Sequence[Rows]) -> list[list[tuple[str, str]]]:
        """End attempts in several ways. For each: the (id, token) of those that were no longer current."""
        out = []
        for work, replies in zip(endings, steps.run(self._store, endings), strict=True):
            out.append([(str(row[0]), str(row[1])) for row in steps.named(work, replies)])
        return out


def _requeued(j: Ended) -> tuple[str | bytes | int, ...]:
    crashed, begun = int(j.crashed), int(j.begun)
    return j.id, j.token, j.record, crashed, j.event, j.lane, j.pause_ms, j.expires_ms, j.attempt, begun, j.mark


Reserve = Callable[[str, Sequence[str], int], Fetched]
"""What reserves jobs: a worker, queues, how many."""
_NONE: frozenset[str] = frozenset()


def _reserved(queues: Sequence[str], row: Sequence[Any]) -> Reserved:
    index, job_id, token, body, record, facts = row
    crashes, _, more = facts.partition(b"|")
    expires, _, lane = more.partition(b"|")
    return Reserved(
        queues[index],
        ids.read(job_id),
        token.decode(),
        body,
        record,
        int(crashes),
        ids.read(lane),
        round(float(expires)) if expires else 0,
    )
