"""Listens for what concerns running attempts: that a job was cancelled."""

from __future__ import annotations

import logging
import threading

from jobctl import clock
from jobctl.engine.process.desk import Desk
from jobctl.errors import RedisUnavailable
from jobctl.store import Store

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
        self._missed: dict[str, float] = {}
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
                verb, _, job_id = (message or "").partition(" ")
                if verb == "cancel" and not self._cancel(job_id):
                    self._missed[job_id] = clock.monotonic() + MISSED_S
                if self._missed and clock.monotonic() >= self._next_look:
                    self._look_again()

    def _cancel(self, job_id: str) -> bool:
        """False if this process does not hold the job, as far as it knows."""
        held = self._desk.cancel(job_id, "cancelled")
        if held:
            _log.info("job %s: cancelled while it runs", job_id)
        return held

    def _look_again(self) -> None:
        """A job may be cancelled while the reply that brings it here is on its way."""
        now = clock.monotonic()
        self._next_look = now + LOOK_S
        for job in self._desk.held():
            if job.id in self._missed and self._store.jobs.is_cancelling(job.queue, job.id):
                self._cancel(job.id)
                del self._missed[job.id]
        self._missed = {job_id: until for job_id, until in self._missed.items() if until > now}

    def _catch_up(self) -> None:
        for job in self._desk.held():
            if self._store.jobs.is_cancelling(job.queue, job.id):
                self._cancel(job.id)
