"""Heartbeats, sweeps and the recovery of dead children, whatever state Redis is in."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import NamedTuple, Protocol, TypeVar

from jobctl import clock
from jobctl.errors import OtherLayout, RedisUnavailable
from jobctl.store.nouns.processes import Orders, ProcessInfo
from jobctl.text import sanitize

SWEEP_S, AGAIN_S = 5.0, 0.1
"""How often to sweep, and how soon again while a sweep has more to do than it may in one go."""
T = TypeVar("T")

log = logging.getLogger(__name__)


class Swept(NamedTuple):
    """What a sweep did: how many jobs of the dead it recovered, and whether there is more to do at once."""

    recovered: int
    more: bool = False


class Liveness(Protocol):
    """The store's side of heartbeats and recovery.

    The supervisor calls it from its only thread, between signals. So an implementation must use a client with
    socket timeouts of 1 s (connect and read) and no retries of its own: a call that blocks longer delays the
    answer to SIGTERM by as much. Any exception means "not done"; the supervisor continues and tries again.
    """

    orders: Orders
    """What operators want of this process, as of its latest beat."""

    def beat(self, info: ProcessInfo) -> int:
        """Say that this process and `info.children` are alive; returns Redis's clock (epoch ms)."""

    def leave(self, name: str) -> None:
        """Say that the process `name` is gone for good and holds nothing."""

    def recover(self, child: str, executing: frozenset[str], overdue: frozenset[str]) -> int:
        """Put right the jobs that the dead `child` held; returns how many. Safe to repeat.

        `executing` are the tokens of the attempts that ran when it died, `overdue` of those for whose time limit it was
        killed; what else it held was only fetched, or stood innocently beside an overdue one.
        """

    def sweep(self) -> Swept:
        """Recover the jobs of processes that died with their supervisor, and do a bounded piece of housekeeping."""


class Heartbeats:
    """Calls the store's liveness and survives its every failure. An outage is logged once, with its
    length."""

    def __init__(self, liveness: Liveness, info: Callable[[], ProcessInfo]) -> None:
        self._liveness = liveness
        self._info = info
        self._lost: deque[tuple[str, frozenset[str], frozenset[str]]] = deque()
        self._failing: dict[str, float] = {}
        self.refused = False
        """Whether the namespace has another layout by now, which this version of jobctl must not touch."""

    @property
    def outage_s(self) -> float:
        """Seconds for which one of the calls has not succeeded; 0 while all is well."""
        return clock.monotonic() - min(self._failing.values()) if self._failing else 0.0

    @property
    def pending(self) -> int:
        """Dead children whose jobs have not been put right yet."""
        return len(self._lost)

    @property
    def orders(self) -> Orders:
        """What operators want of this process, as far as is known."""
        return self._liveness.orders

    def beat(self) -> int | None:
        """Redis's clock (epoch ms); None if it did not answer."""
        return self._attempt("beat", lambda: self._liveness.beat(self._info()))

    def keep_sweeping(self, later: Callable[[float, Callable[[], None]], object]) -> None:
        """Sweep now and again and again; `later` is the loop's timer."""
        later(self._sweep(), lambda: self.keep_sweeping(later))

    def _sweep(self) -> float:
        """Sweep; returns after how many seconds to do so again."""
        swept = self._attempt("sweep", self._liveness.sweep) or Swept(0)
        if swept.recovered:
            log.warning("recovered %d jobs of workers that died elsewhere", swept.recovered)
        return AGAIN_S if swept.more else SWEEP_S

    def lose(self, child: str, executing: frozenset[str], overdue: frozenset[str]) -> None:
        """Remember a dead child until `recover` has put its jobs right."""
        self._lost.append((child, executing, overdue))

    def recover(self) -> None:
        """Try to put right the jobs of the oldest dead child; one call to the store at most."""
        if not self._lost:
            return
        child, executing, overdue = self._lost[0]
        count = self._attempt("recover", lambda: self._liveness.recover(child, executing, overdue))
        if count is None:
            self._lost.rotate(-1)  # should one of them be the reason, the others get their turn
            return
        self._lost.popleft()
        if count:
            log.warning("recovered %d jobs of %s (%d were running)", count, child, len(executing))

    def leave(self, name: str) -> None:
        self._attempt("leave", lambda: self._liveness.leave(name))

    def _attempt(self, name: str, call: Callable[[], T]) -> T | None:
        """The call's result, None when it failed."""
        try:
            result = call()
        except Exception as error:  # noqa: BLE001 - whatever the store does, the supervisor goes on
            self._failed(name, error)
            return None
        if (since := self._failing.pop(name, None)) is not None and not self._failing:
            log.warning("Redis answers again after %.1f s", clock.monotonic() - since)
        return result

    def _failed(self, name: str, error: Exception) -> None:
        newly = isinstance(error, OtherLayout) and not self.refused
        self.refused = self.refused or newly
        told = bool(self._failing)
        self._failing.setdefault(name, clock.monotonic())
        if told and not newly:
            return
        what = sanitize(str(error), limit=300)
        if self.refused:
            log.error("%s", what)
        elif isinstance(error, RedisUnavailable):
            log.error("%s; will keep sending heartbeats until it answers", what)
        else:
            log.error("heartbeat failed: %s: %s", type(error).__name__, what, exc_info=error)
