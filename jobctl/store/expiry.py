"""Jobs that are past their time: found by the sweep, and dead with the reason."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from jobctl.store import ids
from jobctl.store.connection import mapping
from jobctl.store.jobs import Found
from jobctl.store.settle import Ended

if TYPE_CHECKING:
    from jobctl.store.store import Store


class Expiry:
    """When jobs of a namespace expire."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def overdue(self, queue: str, now_ms: int, limit: int = 200) -> list[Found]:
        """Jobs that are past their time and do not run: a running one is ended by its worker."""
        with mapping():
            past = self._store.client.zrangebyscore(self._store.keys.expiring(queue), "-inf", now_ms, 0, limit)
        found = self._store.jobs.locate(queue, [ids.read(job_id) for job_id in past])
        return [job for job in found if job.state != "running"]

    def lapse(self, queue: str, jobs: Sequence[Ended]) -> int:
        """Bury those that are still past their time and do not run; returns how many died."""
        from jobctl.store.store import EVENTS_KEPT

        args = [part for j in jobs for part in (j.id, j.record, j.event, j.group, j.group_info)]
        return int(self._store.run("lapse", queue, queue, EVENTS_KEPT, *args)) if jobs else 0
