"""Watching worker processes: memory above its limit, dead threads, main loops that stand still."""

from __future__ import annotations

import logging
import signal

from jobctl import clock
from jobctl.catalog.units import format_duration
from jobctl.engine.supervisor.child import Child
from jobctl.engine.supervisor.crew import Crew
from jobctl.engine.tools.processes import resident_bytes

log = logging.getLogger(__name__)

OVERDUE_S = 20.0
"""A child gives up an attempt 10 s after its time limit; one that has not done it by now cannot: it is frozen."""
STALL_S = 60.0
"""A child whose main loop has not moved for this many seconds is not healthy."""


class Health:
    """Judges the processes of a crew; replaces those that need it.

    `max_memory` is in bytes a process, `max_age_s` in seconds; of processes that were started together some are
    replaced up to a tenth earlier. Replaced processes finish what they run, so for a while old and new
    live side by side; at most one old one a seat, or a leak would multiply.
    """

    def __init__(self, max_memory: int | None = None, max_age_s: float | None = None) -> None:
        self._max_memory = max_memory
        self._max_age_s = max_age_s

    def check(self, crew: Crew) -> None:
        """Replace what is too big or has lost a thread."""
        for child in crew.seated:
            reason = self._reason_to_replace(child)
            if reason and len(crew.leaving) < len(crew.seated):
                log.warning("replacing worker process %s (pid %d): %s", child.name, child.pid, reason)
                crew.replace(child)

    def kill_frozen(self, crew: Crew) -> None:
        """Kill processes whose jobs are long past their time limits: stopped, or in a call that holds the interpreter.

        Within its jobs' limits a process may stand still as long as it likes.
        """
        for child in crew:
            if overdue := child.slots.overdue(clock.monotonic() - OVERDUE_S):
                what = "killing worker process %s (pid %d): it hangs with jobs past their time limits: %s"
                log.error(what, child.name, child.pid, ", ".join(sorted(late.id for late in overdue)))
                child.signal(signal.SIGKILL)

    def log_stalls(self, crew: Crew) -> None:
        """Log, once each, the processes that stand still. They are not killed for it alone."""
        for child in crew:
            self._log_stall(child)

    def healthy(self, crew: Crew) -> bool:
        """False when a process does nothing and cannot: its main loop stands still though no job executes.

        A job in a C call that keeps the interpreter to itself makes a worker busy, not ill; a process that
        starts or waits for its restart, or for Redis, is on its way.
        """
        now = clock.monotonic()
        return not any(c.stalled_s(now) >= STALL_S and not c.slots.running for c in crew)

    def _reason_to_replace(self, child: Child) -> str:
        if self._max_memory and (size := resident_bytes(child.pid)) > self._max_memory:
            return f"{size / 1e6:.0f} MB of memory, the limit is {self._max_memory / 1e6:.0f} MB"
        age_s, spread = clock.monotonic() - child.started, child.pid % 10 / 100
        if self._max_age_s and age_s >= self._max_age_s * (1 - spread):
            return f"it is {format_duration(round(age_s) * 1000)} old"
        alive = child.slots.threads_alive
        if child.slots.ready and alive < child.threads:
            return f"{child.threads - alive} of its {child.threads} threads died"
        return ""

    def _log_stall(self, child: Child) -> None:
        stalled = child.stalled_s(clock.monotonic()) >= STALL_S
        if stalled and not child.stall_logged:
            log.warning(
                "worker process %s (pid %d) has been unresponsive for %.0f s with %d jobs running: "
                "perhaps a call holds the GIL",
                child.name,
                child.pid,
                STALL_S,
                child.slots.running,
            )
        child.stall_logged = stalled
