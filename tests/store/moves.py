"""The moves of the engine and of people, without either: what tests of the store are made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from jobctl.store import Store
from jobctl.store.data import attempts, codec
from jobctl.store.data.codec import Body
from jobctl.store.data.newjob import Enqueued, NewJob
from jobctl.store.data.stats import mark
from jobctl.store.nouns.dead import GroupInfo
from jobctl.store.nouns.settle import Ended, Reserved
from jobctl.store.wire.steps import Rows

QUEUE = "work"
KEEP_MS, KEEP_COUNT = 86_400_000, 100_000
MARK = mark("act", 20, 30)
"""Jobs of the moves waited 20 ms and ran for 30."""


def body(job_id: str, queue: str = QUEUE) -> bytes:
    return codec.encode(Body(queue, "act", [], {}, {}, job_id, 0))


def failed(job: Reserved, *, traced: bool = True) -> tuple[bytes, bytes]:
    """An attempt that failed, as it is stored. Some jobs share a traceback."""
    trace = f"Traceback of {len(job.id) % 3}\nBoom: {job.id}\n" if traced else None
    return attempts.encode(attempts.Lived(1, "failed", "h", 1, 1, 0.1, "Boom", job.id, trace))


class Moves:
    """Enqueues, fetches and ends jobs of one queue (or of the one named)."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def offer(self, *ids: str, queue: str = QUEUE, type: str = "act", **options: Any) -> list[Enqueued]:  # noqa: A002
        """Enqueue jobs; `options` are those of NewJob."""
        payload = options.pop("payload", {})
        jobs = [NewJob(id=job_id, type=type, queue=queue, payload=payload, **options) for job_id in ids]
        return self.store.jobs.enqueue(jobs)

    def enqueue(self, *ids: str, **options: Any) -> list[bool]:
        """As `offer`; whether each job is there because of it."""
        return [one.fresh for one in self.offer(*ids, **options)]

    def fetch(self, want: int = 1, *, worker: str = "w", queues: Sequence[str] = (QUEUE,)) -> list[Reserved]:
        return list(self.store.settle.fetch(worker, queues, want).jobs)

    def fetch_all(self, want: int) -> list[Reserved]:
        """So many jobs, in as many calls as that takes: what one call may do is bounded."""
        jobs: list[Reserved] = []
        while len(jobs) < want:
            some = self.fetch(want - len(jobs))
            assert some, f"only {len(jobs)} of {want} jobs come"
            jobs += some
        return jobs

    def fetch_ids(self, want: int = 1, *, queues: Sequence[str] = (QUEUE,)) -> list[str]:
        return [job.id for job in self.fetch(want, queues=queues)]

    def complete(
        self, *jobs: Reserved, keep_ms: int = KEEP_MS, keep_count: int = KEEP_COUNT, mark: str = MARK
    ) -> list[int]:
        ended = [Ended(job.id, job.token, b"{}", mark=mark, size=len(job.body)) for job in jobs]
        return self._settle(jobs, self.store.settle.complete(jobs[0].queue, keep_ms, keep_count, ended))

    def retry(self, *jobs: Reserved, delay_ms: int = 60_000, begun: bool = True) -> list[int]:
        ended = [
            Ended(job.id, job.token, b"{}", b"", *failed(job), delay_ms=delay_ms, begun=begun, mark=MARK)
            for job in jobs
        ]
        return self._settle(jobs, self.store.settle.retry(jobs[0].queue, ended))

    def bury(self, *jobs: Reserved, group: str = "g1", begun: bool = True) -> list[int]:
        record = codec.encode(codec.Record(error="Boom", group=group, type="act", finished=1))
        info = msgspec.json.encode(GroupInfo("act", "Boom", group))
        ended = [
            Ended(job.id, job.token, record, b"", *failed(job), group=group, group_info=info, begun=begun, mark=MARK)
            for job in jobs
        ]
        return self._settle(jobs, self.store.settle.bury(jobs[0].queue, ended))

    def cancelled(self, *jobs: Reserved) -> list[int]:
        ended = [Ended(job.id, job.token, b"{}", b"", failed(job, traced=False)[0], mark=MARK) for job in jobs]
        return self._settle(jobs, self.store.settle.cancelled(jobs[0].queue, ended))

    def requeue(
        self, *jobs: Reserved, crashed: bool = False, lane: str = "", pause_ms: int = 0, begun: bool = True
    ) -> list[int]:
        ended = [
            Ended(
                job.id,
                job.token,
                attempt=failed(job, traced=False)[0] if crashed else b"",
                crashed=crashed,
                lane=lane,
                pause_ms=pause_ms,
                begun=begun,
                mark=MARK,
            )
            for job in jobs
        ]
        return self._settle(jobs, self.store.settle.requeue(jobs[0].queue, ended))

    def relane(self, lane: str, *ids: str) -> int:
        """Put limited jobs into another lane ("" for none)."""
        found = self.store.jobs.locate(QUEUE, ids)
        return self.store.deployed.relane(QUEUE, [(job.id, job.lane or "", lane) for job in found])

    def cancel(self, *ids: str, queue: str = QUEUE, running: bool = True) -> list[str]:
        return self.store.jobs.cancel(queue, [(job_id, b"", MARK) for job_id in ids], running=running)

    def state(self, job_id: str, queue: str = QUEUE) -> str:
        found = self.store.jobs.locate(queue, [job_id])
        return found[0].state if found else ""

    def waiting(self, queue: str = QUEUE) -> int:
        [row] = self.store.queues.depth([queue])
        return row.waiting + (row.running or 0) - int(self.store.client.hlen(self.store.keys.running(queue)))

    def _settle(self, jobs: Sequence[Reserved], ending: Rows) -> list[int]:
        """The places of those that were no longer current."""
        [late] = self.store.settle.write([ending])
        return [place for place, job in enumerate(jobs) if (job.id, job.token) in late]
