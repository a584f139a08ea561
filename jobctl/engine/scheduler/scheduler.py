"""The scheduler process: a timer whose ticks become jobs. Any number may run; the store lets each tick in
once."""

from __future__ import annotations

import gc
import logging
import os
import signal
import socket
from collections.abc import Callable, Mapping

from jobctl import clock
from jobctl.catalog.model import Catalog, Schedule
from jobctl.engine.liveness.heartbeats import Heartbeats, Liveness
from jobctl.engine.scheduler.catch_up import make_up
from jobctl.engine.scheduler.feeder import Feeder, Ticks
from jobctl.engine.scheduler.timer import TickTimer
from jobctl.engine.tools.loop import Loop
from jobctl.engine.tools.notify import Notifier
from jobctl.engine.tools.processes import process_name, resident_bytes
from jobctl.errors import RedisUnavailable, UsageError
from jobctl.store.nouns.processes import ProcessInfo
from jobctl.text import sanitize

log = logging.getLogger(__name__)

BEAT_S = 2.0
LOOK_S = 1.0
"""How often to see how jobs of ticks have ended."""
ANNOUNCE_S = 600.0
"""How often to say which schedules there are."""
AGAIN_S = 20.0
"""For how long overdue ticks are left to another scheduler, if one lives: it may have them in hand."""


class Scheduler:
    """Feeds the ticks of `catalog.schedules` to the store; what was missed before is made up for as each schedule says.

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
        self._timer = TickTimer(self._loop, self._feeder.offer, self._on_dead_timer)
        self._failed = False
        self._schedules: dict[str, Schedule] = {}
        self._overdue: dict[tuple[str, int], float] = {}
        """Since when ticks are overdue, as was seen here (seconds on the monotonic clock), by schedule and tick."""
        self._ticks = ticks
        self._to_announce = True
        self.ready = False
        self._stopping = False
        self._apply(catalog.schedules)

    def run(self) -> int:
        """Work until SIGTERM or SIGINT; returns 0, 1 when the timer is dead, or 2 when the namespace was migrated to
        another layout.

        Ends within 2 s, as a call to Redis takes 1 s at most.
        """
        loop = self._loop
        loop.on_signal((signal.SIGTERM, signal.SIGINT), self._on_stop)
        loop.on_signal((signal.SIGHUP,), lambda _number: self._on_reload())
        log.info("scheduler %s: %d schedules", self.name, len(self._schedules))
        self._timer.start()
        loop.every(BEAT_S, self._beat)
        loop.every(LOOK_S, self._look)
        loop.every(ANNOUNCE_S, self._announce_again)
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
        return UsageError.exit_code if self._beats.refused else int(self._failed)

    def info(self) -> ProcessInfo:
        """What a heartbeat says about this scheduler."""
        return ProcessInfo(
            name=self.name,
            kind="scheduler",
            host=socket.gethostname(),
            pid=os.getpid(),
            queues=(),
            processes=1,
            threads=0,
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
        self._refresh()
        if self._to_announce:
            self._announce()
        if not self.ready:
            self.ready = True
            gc.freeze()  # thousands of schedules, which stay: a collection would go through them in the middle of ticks
            log.info("scheduler %s is ready", self.name)
            self._notifier.ready(self._status())
        self._notifier.status(self._status())

    def _refresh(self) -> None:
        """See whether someone has set by hand when a schedule is due, or such a time is over."""
        try:
            schedules = self._ticks.schedules()
        except Exception as error:  # noqa: BLE001 - the next beat tries again
            log.warning("cannot see what is set by hand, going on trying: %s", sanitize(str(error), limit=300))
        else:
            if schedules != self._schedules:
                self._apply(schedules)

    def _announce_again(self) -> None:
        self._to_announce = True

    def _announce(self) -> None:
        """Say which schedules there are, and see whether ticks of theirs were missed."""
        try:
            now, upcoming = self._ticks.announce(list(self._schedules.values()))
            alone = self._ticks.alone(self.name)
        except Exception as error:  # noqa: BLE001 - the next beat tries again
            log.warning("cannot say which schedules there are, going on trying: %s", sanitize(str(error), limit=300))
            return
        self._to_announce = False
        at = clock.monotonic()
        self._overdue = {one: self._overdue.get(one, at) for one in upcoming.items() if one[1] <= now}
        mine = [one for one, since in self._overdue.items() if alone or at - since >= AGAIN_S]
        for name, tick in mine:
            self._make_up(self._schedules[name], tick, now)
        if len(mine) < len(self._overdue):
            self._loop.later(AGAIN_S, self._announce_again)

    def _make_up(self, schedule: Schedule, from_ms: int, now_ms: int) -> None:
        """Decide over ticks that were missed before this scheduler began, some at a time."""
        if self._schedules.get(schedule.name) != schedule:
            return
        try:
            left = make_up(self._ticks, schedule, from_ms, now_ms + 1, now_ms)
        except Exception as error:  # noqa: BLE001 - begun anew with the next beat
            log.warning(
                "schedule %s: cannot make up for missed ticks yet: %s", schedule.name, sanitize(str(error), 300)
            )
            self._to_announce = True
        else:
            if left is not None:
                self._loop.later(0.0, lambda: self._make_up(schedule, left, now_ms))

    def _look(self) -> None:
        """Note how jobs have ended. While Redis is away the beats say so."""
        if self._beats.outage_s or not self.ready:
            return
        try:
            self._ticks.look()
        except RedisUnavailable:
            return
        except Exception:
            log.exception("cannot see how jobs of schedules have ended; it is tried again")

    def _status(self) -> str:
        return f"{len(self._schedules)} schedules, {self._feeder.pending} ticks waiting"

    def _on_dead_timer(self) -> None:
        log.critical("scheduler %s ends, since no tick would come any more: start it again", self.name)
        self._failed = True
        self._stop()

    def _on_stop(self, number: int) -> None:
        log.info("scheduler %s got %s", self.name, signal.Signals(number).name)
        self._stop()

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
            self._apply(catalog.schedules)
            if not self._beats.outage_s:
                self._refresh()
        (self._notifier.ready if self.ready else self._notifier.status)(self._status())

    def _apply(self, schedules: Mapping[str, Schedule]) -> None:
        """Make the timer hold exactly these schedules; those that did not change continue undisturbed."""
        new = dict(schedules)
        for name in self._schedules.keys() - new.keys():
            log.info("schedule %s removed", name)
            self._timer.drop(name)
            self._feeder.drop(name)
        for name, schedule in new.items():
            if self._schedules.get(name) != schedule:
                if self.ready:  # at the start they are counted
                    log.info("schedule %s %s", name, "changed" if name in self._schedules else "added")
                self._feeder.drop(name)
                self._timer.put(schedule)
        self._schedules = new
        self._to_announce = True
