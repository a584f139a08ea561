"""The limits of a new catalog come to apply to what waits already.

A worker gives back a job whose lane is not the one that its catalog says (engine/attempt/admission.py), so no limit is
missed. What is left is the jobs that nobody fetches, since a limit holds them that has another key now, or is no more.
A supervisor that starts or reloads brings them into their lanes, a page at a time; killed in the middle, it or another
with the same catalog begins again, and finds fewer.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence

import msgspec

from jobctl import flow
from jobctl.catalog.model import Catalog
from jobctl.engine.liveness.known import Known
from jobctl.errors import RedisUnavailable, UsageError
from jobctl.flow import Flows
from jobctl.store import Store
from jobctl.store.data import codec
from jobctl.store.nouns.deployed import Waiting

_log = logging.getLogger("jobctl.worker")


class Relaning:
    """Brings what waits under the limits of the catalog that is known; `own` is the process's name."""

    def __init__(self, store: Store, known: Callable[[], Known], own: Callable[[], str]) -> None:
        self._store = store
        self._known = known
        self._own = own
        self._catalog: Catalog | None = None
        self._flows = Flows(Catalog())
        self._left: set[str] = set()
        """Queues whose jobs do not follow the catalog yet."""

    def begin(self, queues: Sequence[str]) -> Iterator[None]:
        """A piece for each page of jobs. Raises RedisUnavailable."""
        catalog = self._known().catalog
        if not self._say(catalog):
            return
        served = flow.queues(catalog)
        if catalog is not self._catalog:
            self._catalog, self._flows = catalog, Flows(catalog)
            self._left = served
        for queue in sorted(served.intersection(queues)):
            self._forget(queue, catalog)
            yield
            if queue in self._left:
                yield from self._follow(queue, catalog)

    def _say(self, catalog: Catalog) -> bool:
        """Tell others what the catalog says; false if that is not possible now, since Redis is full."""
        if catalog is self._catalog and self._store.deployed.has_said(self._own()):
            return True
        try:
            self._store.deployed.say(self._own(), flow.said(catalog))
        except RedisUnavailable:
            return False
        return True

    def _forget(self, queue: str, catalog: Catalog) -> None:
        """Delete the limits that no live process's catalog has any more; jobs that waited for them may go."""
        defined, own = self._store.limits.defined(queue), flow.specs(catalog, queue)
        gone = {limit for limit in defined - own.keys() if limit[1:2] != ":" or limit[2:] in catalog.jobs}
        if gone and (claimed := self._claimed(queue)) is not None and (gone := gone - claimed):
            self._store.deployed.forget(queue, gone)
            defined -= gone
        held = [limit for limit in self._store.limits.parked(queue) if limit not in defined and limit[0] != "p"]
        if held:
            self._store.limits.look_again(queue, *held)

    def _claimed(self, queue: str) -> set[str] | None:
        """The limits of a queue that a catalog at work has; None if one has not said yet what it has."""
        claimed: set[str] = set()
        for said in self._store.deployed.said().values():
            if said is None:
                return None
            claimed |= {limit for one in said.values() if one.queue == queue for limit in one.limits}
        return claimed

    def _follow(self, queue: str, catalog: Catalog) -> Iterator[None]:
        digest = _digest(queue, catalog)
        if not self._store.deployed.is_followed(queue, digest):
            moved = 0
            if not self._store.deployed.lease(queue, self._own()):
                return
            for page in self._store.deployed.waiting(queue):
                moves = [(job.id, job.lane, to) for job in page if (to := self._lane(job, catalog)) is not None]
                moved += self._store.deployed.relane(queue, moves)
                self._store.deployed.lease(queue, self._own())
                yield
                if catalog is not self._known().catalog:
                    return
            self._store.deployed.follow(queue, digest)
            if moved:
                _log.info("%d jobs of queue %s wait under the limits of this catalog now", moved, queue)
        self._left.discard(queue)

    def _lane(self, job: Waiting, catalog: Catalog) -> str | None:
        """The lane that a job is to have; None if it has it, or if that is not this catalog's to say."""
        try:
            body = codec.decode_body(job.body)
            job_type = catalog.type_of(body.actor_name)
            if job_type is None:
                return None
            flow_of = self._flows.of(job_type)
            lane = flow_of.lane(body.payload) if flow_of else ""
        except (ValueError, UsageError):  # who fetches it says what is wrong with it
            return None
        waits_for_pause = not lane and job.lane == flow.untyped(job_type.name)
        return None if lane == job.lane or waits_for_pause else lane


def _digest(queue: str, catalog: Catalog) -> str:
    """Of what a catalog says of the limits of a queue."""
    said = {name: one for name, one in sorted(flow.said(catalog).items()) if one.queue == queue}
    return hashlib.blake2s(msgspec.json.encode(said), digest_size=16).hexdigest()
