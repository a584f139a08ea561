"""When the jobs of dead children are put right: at once, again while Redis is away, and once more a little later."""

from __future__ import annotations

from collections.abc import Callable

from jobctl import clock
from jobctl.engine.attempt.interrupt import GRACE_S
from jobctl.engine.liveness.heartbeats import Heartbeats
from jobctl.engine.supervisor.child import Child
from jobctl.engine.tools.loop import Timer

AGAIN_S, AGAIN_STOPPING_S = 1.0, 0.2
LATE_S = 5.0


class Recovery:
    """One try at a time, or an outage would fill the loop with them. `later` is the loop's timer."""

    def __init__(self, beats: Heartbeats, later: Callable[[float, Callable[[], None]], Timer]) -> None:
        self._beats = beats
        self._later = later
        self._timer: Timer | None = None
        self.stopping = False
        """The supervisor ends: be quick."""

    def lost(self, child: Child) -> None:
        """A child ended without giving back what it held."""
        overdue = child.slots.overdue(clock.monotonic() - GRACE_S)
        ran = overdue or child.slots.executing()
        self._beats.lose(child.name, frozenset(a.token for a in ran), frozenset(a.token for a in overdue))
        self._try_in(0.0)
        name = child.name
        self._later(LATE_S, lambda: self._look_again(name))

    def _look_again(self, child: str) -> None:
        """A command that the dead child had sent may have been carried out after its jobs were put right."""
        if not self.stopping:
            self._beats.lose(child, frozenset(), frozenset())
            self._try_in(0.0)

    def _try_in(self, delay: float) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = self._later(delay, self._try)

    def _try(self) -> None:
        before = self._beats.pending
        self._beats.recover()
        if self._beats.pending:
            failed = self._beats.pending == before
            self._try_in((AGAIN_STOPPING_S if self.stopping else AGAIN_S) if failed else 0.0)
