"""Listens for what concerns running attempts: that a job was cancelled."""

from __future__ import annotations

import logging
import threading

from jobctl.engine.desk import Desk
from jobctl.errors import RedisUnavailable
from jobctl.store import Store

_log = logging.getLogger("jobctl.worker")


class Control(threading.Thread):
    """Subscribes to the control channel, and after each (re)connection asks what it may have missed."""

    def __init__(self, store: Store, desk: Desk) -> None:
        super().__init__(name="control", daemon=True)
        self._store = store
        self._desk = desk
        self._halt = threading.Event()

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
                if verb == "cancel" and self._desk.cancel(job_id, "cancelled"):
                    _log.info("job %s: cancelled while it runs", job_id)

    def _catch_up(self) -> None:
        for job in self._desk.running():
            if self._store.jobs.is_cancelling(job.queue, job.id):
                self._desk.cancel(job.id, "cancelled")
