"""The scheduler process: a timer whose ticks become jobs. Any number may run; the store lets each tick in
once."""

from __future__ import annotations

import logging
import os
import signal
import socket
from collections.abc import Callable

from jobctl import clock
from jobctl.catalog.model import Catalog, Schedule
from jobctl.engine.liveness.heartbeats import Heartbeats, Liveness
from jobctl.engine.scheduler.feeder import Feeder, Ticks
from jobctl.engine.scheduler.timer import TickTimer
from jobctl.engine.tools.loop import Loop
from jobctl.engine.tools.notify import Notifier
from jobctl.engine.tools.processes import process_name, resident_bytes
from jobctl.errors import UsageError
from jobctl.store.nouns.processes import ProcessInfo
from jobctl.text import sanitize

log = logging.getLogger(__name__)

BEAT_S = 2.0


class Scheduler:
    """Feeds the ticks of `catalog.schedules` to the store, from now on; what was due before is not made up
    for.

    `reload` reads and checks the catalog again; it raises when anything is wrong with it, and then the
    schedules stay as they are. Make and run it in the main thread.
    """

    def __init__(
        self,
        catalog: Catalog,
        ticks: Ticks,
        liveness: Liveness,
        reload: Callable[[], Catalog],
        notifier: Notifier | None = None,
    ) -> None:
        self.name = process_name()
        self._reload = reload
        self._notifier = notifier or Notifier()
        self._started_ms = clock.now_ms()
        self._beats = Heartbeats(liveness, self.info)
        self._loop = Loop()
        self._feeder = Feeder(ticks, self._loop, lambda asked_ms, now_ms: self._timer.correct(asked_ms, now_ms))
        self._timer = TickTimer(self._loop, self._feeder.offer)
        self._schedules: dict[str, Schedule] = {}
        self._ready = False
        self._stopping = False
        self._apply(catalog)

    def run(self) -> int:
        """Work until SIGTERM or SIGINT; returns 0, or 2 when the namespace was migrated to another layout.

        Ends within 2 s, as a call to Redis takes 1 s at most.
        """
        loop = self._loop
        loop.on_signal((signal.SIGTERM, signal.SIGINT), lambda _number: self._stop())
        loop.on_signal((signal.SIGHUP,), lambda _number: self._on_reload())
        log.info("scheduler %s: %d schedules", self.name, len(self._schedules))
        self._timer.start()
        loop.every(BEAT_S, self._beat)
        loop.later(0.0, lambda: self._beats.keep_sweeping(self._loop.later))
        if self._notifier.watchdog_s:
            loop.every(self._notifier.watchdog_s, self._notifier.watchdog)
        try:
            while not self._stopping:
                loop.run_once()
            self._timer.shutdown()
            if not self._beats.outage_s:
                self._beats.leave(self.name)
        finally:
            loop.close()
        log.info("scheduler %s ended", self.name)
        return UsageError.exit_code if self._beats.refused else 0

    def info(self) -> ProcessInfo:
        """What a heartbeat says about this scheduler."""
        return ProcessInfo(
            name=self.name,
            kind="scheduler",
            host=socket.gethostname(),
            pid=os.getpid(),
            queues=(),
            processes=1,
            threads=1,
            started_ms=self._started_ms,
            memory_mb=round(resident_bytes(os.getpid()) / 1e6, 1),
        )

    def _beat(self) -> None:
        asked_ms = clock.now_ms()
        redis_ms = self._beats.beat()
        if self._beats.refused:
            self._stop()
            return
        if redis_ms is not None:
            self._timer.correct(asked_ms, redis_ms)
        if self._beats.outage_s:
            self._notifier.status("Redis unreachable")
            return
        self._feeder.release()
        if not self._ready:
            self._ready = True
            log.info("scheduler %s is ready", self.name)
            self._notifier.ready(self._status())
        self._notifier.status(self._status())

    def _status(self) -> str:
        return f"{len(self._schedules)} schedules, {self._feeder.pending} ticks waiting"

    def _stop(self) -> None:
        self._stopping = True
        self._notifier.stopping()

    def _on_reload(self) -> None:
        self._notifier.reloading()
        try:
            catalog = self._reload()
        except Exception as error:  # noqa: BLE001 - a broken catalog must not end a running scheduler
            for line in str(error).splitlines():
                log.error("reload failed, keeping the old catalog: %s", sanitize(line))
        else:
            self._apply(catalog)
        (self._notifier.ready if self._ready else self._notifier.status)(self._status())

    def _apply(self, catalog: Catalog) -> None:
        """Make the timer hold exactly the catalog's schedules; those that did not change go on
        undisturbed."""
        new = dict(catalog.schedules)
        for name in self._schedules.keys() - new.keys():
            log.info("schedule %s removed", name)
            self._timer.drop(name)
            self._feeder.drop(name)
        for name, schedule in new.items():
            if self._schedules.get(name) != schedule:
                log.info("schedule %s %s", name, "changed" if name in self._schedules else "added")
                self._feeder.drop(name)
                self._timer.put(schedule)
        self._schedules = new
