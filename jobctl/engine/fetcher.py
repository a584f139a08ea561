"""Fetches jobs for a process: exactly what can start now (and a little more while jobs are short), for all its queues.

Busy, it asks Redis as soon as there is room. Idle, it blocks on the queues' wake-up keys and looks around once a
second for what no wake-up told it of: jobs of stock producers, due times, pauses that ended.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

from jobctl import clock
from jobctl.engine.desk import Desk
from jobctl.errors import RedisUnavailable
from jobctl.store import Store
from jobctl.store.settle import Ended

LOOK_S = 1.0
MAX_QUEUES = 32
"""Queues asked in one fetch; with more of them, the window moves on each time."""
LONGEST_PAUSE_S = 2.0

_log = logging.getLogger("jobctl.worker")


class Fetcher(threading.Thread):
    """The one thread of a process that takes jobs out of Redis."""

    def __init__(self, store: Store, blocking: Store, worker: str, queues: Sequence[str], desk: Desk) -> None:
        super().__init__(name="fetcher", daemon=True)
        self._store = store
        self._blocking = blocking
        self._worker = worker
        self._queues = list(queues)
        self._desk = desk
        self._halt = threading.Event()
        self._turn = 0
        self._looked = 0.0
        self._due_in_s = LOOK_S
        self._lost_reply = self._registered = False
        self.connected = threading.Event()
        self.empty = threading.Event()
        """Set while the last look found nothing in any queue, and nothing is held here."""

    def stop(self) -> None:
        """Fetch no more. What is held already stays with the desk."""
        self._halt.set()
        self._desk.wake()

    def run(self) -> None:
        pause = 0.05
        while not self._halt.is_set():
            try:
                self._step()
                self.connected.set()
                pause = 0.05
            except RedisUnavailable as problem:
                if self.connected.is_set() or pause == 0.05:
                    _log.warning("cannot fetch jobs, going on trying: %s", problem)
                self.connected.clear()
                self._halt.wait(pause)
                pause = min(pause * 2, LONGEST_PAUSE_S)

    def _step(self) -> None:
        if not self._registered:
            self._store.queues.register(self._queues)
            self._registered = True
        if self._lost_reply:
            self._reconcile()
        if clock.monotonic() - self._looked >= LOOK_S:
            self._look()
        room = self._desk.room(LOOK_S)
        if room <= 0 or self._halt.is_set():
            return
        if self._fetch(room):
            self.empty.clear()
            return
        if self._desk.idle():
            self.empty.set()
        self._sleep()

    def _fetch(self, room: int) -> int:
        """Fetch up to `room` jobs; returns how many came."""
        names = self._window()
        self._lost_reply = True  # until the reply is here
        fetched = self._store.settle.fetch(self._worker, names, room)
        self._lost_reply = False
        self._desk.take(fetched.jobs)
        self._due(fetched.now_ms, fetched.next_due_ms)
        return len(fetched.jobs)

    def _window(self) -> list[str]:
        """The queues to ask now, each first in its turn."""
        names = self._queues
        self._turn = (self._turn + 1) % max(1, len(names))
        turned = names[self._turn :] + names[: self._turn]
        return turned[:MAX_QUEUES]

    def _due(self, now_ms: int, next_due_ms: int) -> None:
        self._due_in_s = min(LOOK_S, max(0.001, (next_due_ms - now_ms) / 1000)) if next_due_ms else LOOK_S

    def _sleep(self) -> None:
        """Block until a queue's wake-up key has a token, the next job is due, or it is time to look around."""
        keys = [self._store.keys.wake(queue) for queue in self._queues]
        self._blocking.block(keys, self._due_in_s)

    def _look(self) -> None:
        """Once a second: take in what stock producers delayed, and see whether more queues than asked have jobs."""
        now, next_due, _, inbox = self._store.run("poll", self._queues)
        self._looked = clock.monotonic()
        self._due(now, next_due)
        if inbox:
            for queue in self._queues:
                self._store.stock.take_delayed(queue)

    def _reconcile(self) -> None:
        """A fetch whose reply was lost may have reserved jobs for this worker: give back those not held here."""
        held = self._desk.held()
        for queue in self._queues:
            strays = [
                Ended(id=job_id, token=token)
                for job_id, (token, worker) in self._store.processes.reservations(queue).items()
                if worker == self._worker and (job_id not in held or held[job_id].token != token)
            ]
            if strays:
                _log.warning("giving back %d jobs of queue %s whose fetch reply was lost", len(strays), queue)
                self._store.run_many([self._store.settle.requeue(queue, strays)])
        self._lost_reply = False
