"""Reservations that a worker has in Redis and knows nothing of.

The reply to a fetch was lost; or the fetch lay in some buffer when its connection was given up, and ran later; or the
server came back without the end of a job that it had acknowledged (a failover, the last second of AOF).
"""

from __future__ import annotations

import logging
from collections.abc import Container, Iterable

from jobctl import clock
from jobctl.store import Store
from jobctl.store.nouns.settle import Ended

LATE_S, EVERY_S = (0.0, 4.0, 20.0), 60.0
"""When to look after a connection was lost, and how often anyhow."""
AGAIN_S = 3.0
"""How long after a look that found some the next one is."""

_log = logging.getLogger("jobctl.worker")


class Strays:
    """Gives back what is reserved for one worker and is not known there at two looks: what another thread is just
    fetching is left alone."""

    def __init__(self, store: Store, worker: str) -> None:
        self._store = store
        self._worker = worker
        self._seen: set[tuple[str, str, str]] = set()
        self._looks = [clock.monotonic() + EVERY_S]

    def suspect(self) -> None:
        """A connection was lost: there may be some now, or soon."""
        now = clock.monotonic()
        self._looks = [now + seconds for seconds in LATE_S]

    def is_time(self) -> bool:
        """Whether it is time for a look."""
        return clock.monotonic() >= self._looks[0]

    def look(self, queues: Iterable[str], known: Container[str]) -> None:
        """Look at the queues' reservations; `known` holds the tokens that the worker knows of.

        Raises RedisUnavailable; it is still time then.
        """
        names = list(queues)
        strays = {
            (queue, job_id, token)
            for queue in (names if self._store.processes.anything_held(names) else ())
            for job_id, (token, worker) in self._store.processes.reservations(queue).items()
            if worker == self._worker and token not in known
        }
        again = strays & self._seen
        for queue in {queue for queue, _, _ in again}:
            ended = [Ended(id=job_id, token=token) for of, job_id, token in again if of == queue]
            _log.warning(
                "returning %d jobs to queue %s: they were reserved for this process, which does not have them",
                len(ended),
                queue,
            )
            self._store.settle.write([self._store.settle.requeue(queue, ended)])
        self._seen = strays - again
        now = clock.monotonic()
        soon = [now + AGAIN_S] if self._seen else []
        later = [at for at in self._looks if at > (soon[0] if soon else now)]
        self._looks = soon + later or [now + EVERY_S]
