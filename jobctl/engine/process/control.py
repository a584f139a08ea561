"""Listens for what concerns running attempts: that a job was cancelled."""

from __future__ import annotations

import logging
import threading

from jobctl import clock
from jobctl.engine.process.desk import Desk
from jobctl.errors import RedisUnavailable
from jobctl.store import Store
from jobctl.store.data.ids import JobRef
from jobctl.store.nouns.settle import Reserved

_log = logging.getLogger("jobctl.worker")

MISSED_S = 5.0
"""How long a cancel is remembered of a job that is not held here."""
LOOK_S = 0.5


class Control(threading.Thread):
    """Subscribes to the control channel, and after each (re)connection asks what it may have missed."""

    def __init__(self, store: Store, desk: Desk) -> None:
        super().__init__(name="control", daemon=True)
        self._store = store
        self._desk = desk
        self._halt = threading.Event()
        self._missed: dict[JobRef, float] = {}
        self._next_look = 0.0

    def stop(self) -> None:
        self._halt.set()

    def run(self) -> None:
        while not self._halt.is_set():
            try:
                self._listen()
            except RedisUnavailable:
                self._halt.wait(1.0)

    def _listen(self) -> None:
        with self._store.events.listen_control() as messages:
            self._catch_up()
            for message in messages:
                if self._halt.is_set():
                    return
                self._obey(message or "")
                if self._missed and clock.monotonic() >= self._next_look:
                    self._look_again()

    def _obey(self, message: str) -> None:
        """A message reads `cancel QUEUE ID`."""
        verb, _, rest = message.partition(" ")
        ref = JobRef(*rest.partition(" ")[::2])
        if verb != "cancel":
            return
        attempts = self._desk.attempts_of(ref)
        for job in attempts:
            self._cancel(job)
        if not attempts:  # not held here, as far as this process knows
            self._missed[ref] = clock.monotonic() + MISSED_S

    def _cancel(self, job: Reserved) -> None:
        self._desk.cancel(job, "cancelled")
        _log.info("job %s: cancelled while running", job.id)

    def _look_again(self) -> None:
        """A job may be cancelled while the reply that brings it here is on its way."""
        now = clock.monotonic()
        self._next_look = now + LOOK_S
        for job in self._desk.held():
            if job.ref in self._missed and self._store.jobs.is_cancelling(*job.ref):
                self._cancel(job)
                del self._missed[job.ref]
        self._missed = {ref: until for ref, until in self._missed.items() if until > now}

    def _catch_up(self) -> None:
        for job in self._desk.held():
            if self._store.jobs.is_cancelling(*job.ref):
                self._cancel(job)
