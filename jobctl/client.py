"""jobctl from Python: connect, enqueue, look, wait. Imports neither typer nor rich nor apscheduler."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from jobctl import urls
from jobctl.catalog.load import load
from jobctl.catalog.model import Catalog
from jobctl.errors import NothingMatched, WaitTimeout
from jobctl.ops.enqueue import job_of
from jobctl.producer import Producer
from jobctl.store import Store
from jobctl.store.data.ids import JobRef
from jobctl.store.data.records import Job
from jobctl.store.data.states import TERMINAL
from jobctl.store.nouns.shown import to_job


class Client:
    """A catalog and the Redis that its jobs live in. Thread-safe.

    Every method raises errors.RedisUnavailable when Redis is away or refuses.
    """

    def __init__(self, store: Store, catalog: Catalog) -> None:
        self._store = store
        self._producer = Producer(catalog, store.mint)

    def enqueue(
        self,
        type: str,  # noqa: A002 - the catalog's word
        payload: Mapping[str, Any] | None = None,
        *,
        id: str | None = None,  # noqa: A002
        delay: float | str | None = None,
        at: datetime | None = None,
        priority: int | str | None = None,
        expires: float | str | None = None,
        parent: str | None = None,
    ) -> Job:
        """Enqueue one job and return its record.

        If the `id` is known, or another job holds the unique key (`on_conflict: skip`), that job is
        returned instead. `delay` and `expires` are seconds or a duration ("5m"), `at` an aware datetime. Raises
        errors.UsageError for an unknown type or a payload that does not fit, errors.Conflict if the key is held
        (`on_conflict: fail`), errors.Refused while a pause keeps producers out.
        """
        job = self._producer.prepare(
            type, payload or {}, id=id, delay=delay, at=at, priority=priority, expires=expires, parent=parent
        )
        return job_of(self._store, self._store.jobs.enqueue([job])[0].require())

    def enqueue_many(self, type: str, payloads: Iterable[Mapping[str, Any]]) -> list[str]:  # noqa: A002
        """Enqueue many jobs of one type; returns their ids in order. All payloads are checked before any is written.

        For a job that was skipped, the id is that of the job which holds its unique key. Raises errors.Conflict for the
        first whose key is held and which is not to be skipped, once all others are enqueued.
        """
        done = self._store.jobs.enqueue(self._producer.prepare_many(type, payloads))
        return [one.require().id for one in done]

    def job(self, id: str, queue: str | None = None) -> Job:  # noqa: A002
        """A job in any state, by its id. Raises errors.NothingMatched, or errors.UsageError if several queues have such
        a job and `queue` does not say which is meant."""
        found = self._store.jobs.find(id, None if queue is None else [queue])
        if found is None:
            raise NothingMatched(f"no job {id}")
        return to_job(self._store.jobs.detailed(found))

    def wait(self, id: str, timeout: float | None = None, *, queue: str | None = None) -> Job:  # noqa: A002
        """Wait until a job has ended (completed, dead or cancelled), and return it. `timeout` is in seconds.

        Raises errors.WaitTimeout if it has not ended by then (the job continues), and what `job` raises.
        """
        job = self.job(id, queue)
        ref = JobRef(job.queue, job.id)

        def ended(_left: set[JobRef]) -> set[JobRef]:
            return {found.ref for found in self._store.jobs.locate(ref.queue, [ref.id]) if found.state in TERMINAL}

        for _ in self._store.events.wait([ref], ended, timeout):
            return self.job(ref.id, ref.queue)
        raise WaitTimeout(f"job {id} has not ended within {timeout:g} s" if timeout else f"job {id} has not ended")


def connect(catalog: str | Path = "jobs.yaml", redis: str | None = None) -> Client:
    """A client for a catalog file and a Redis URL; by default the one that the command line would use.

    Raises errors.UsageError for a catalog with problems, errors.RedisUnavailable when nothing is configured or running.
    """
    from jobctl import settings
    from jobctl.ops.connect import open_store

    chosen = settings.resolve(catalog=str(catalog))
    loaded = load(Path(catalog))
    if redis is not None:
        urls.check(redis)
    return Client(open_store(chosen, loaded, url=redis, retries=2), loaded)
