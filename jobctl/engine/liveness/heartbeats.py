"""Heartbeats, sweeps and the recovery of dead children, whatever state Redis is in."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import Protocol, TypeVar

from jobctl import clock
from jobctl.errors import OtherLayout, RedisUnavailable
from jobctl.store.nouns.processes import ProcessInfo
from jobctl.text import sanitize

T = TypeVar("T")

log = logging.getLogger(__name__)


class Liveness(Protocol):
    """The store's side of heartbeats and recovery.

    The supervisor calls it from its only thread, between signals. So an implementation must use a client with
    socket timeouts of 1 s (connect and read) and no retries of its own: a call that blocks longer delays the
    answer to SIGTERM by as much. Any exception means "not done"; the supervisor goes on and tries again.
    """

    def beat(self, info: ProcessInfo) -> int:
        """Say that this process and `info.children` are alive; returns Redis's clock (epoch ms)."""

    def leave(self, name: str) -> None:
        """Say that the process `name` is gone for good and holds nothing."""

    def recover(self, child: str, executing: frozenset[str], overdue: frozenset[str]) -> int:
        """Put right the jobs that the dead `child` held; returns how many. Safe to repeat.

        `executing` are the tokens of the attempts that ran when it died, `overdue` of those for whose time limit it was
        killed; what else it held was only fetched, or stood innocently beside an overdue one.
        """

    def sweep(self) -> int:
        """Recover the jobs of processes that died with their supervisor; returns how many."""


class Heartbeats:
    """Calls the store's liveness and survives its every failure. An outage is logged once, with its
    length."""

    def __init__(self, liveness: Liveness, info: Callable[[], ProcessInfo]) -> None:
        self._liveness = liveness
        self._info = info
        self._lost: deque[tuple[str, frozenset[str], frozenset[str]]] = deque()
        self._failing_since: float | None = None
        self.refused = False
        """Whether the namespace has another layout by now: this version of jobctl has no business there any more."""

    @property
    def outage_s(self) -> float:
        """Seconds for which no call has succeeded; 0 while all is well."""
        return 0.0 if self._failing_since is None else clock.monotonic() - self._failing_since

    @property
    def pending(self) -> int:
        """Dead children whose jobs have not been put right yet."""
        return len(self._lost)

    def beat(self) -> int | None:
        """Redis's clock (epoch ms); None if it did not answer."""
        return self._attempt(lambda: self._liveness.beat(self._info()))

    def sweep(self) -> None:
        count = self._attempt(self._liveness.sweep)
        if count:
            log.warning("recovered %d jobs of workers that died elsewhere", count)

    def lose(self, child: str, executing: frozenset[str], overdue: frozenset[str]) -> None:
        """Remember a dead child until `recover` has put its jobs right."""
        self._lost.append((child, executing, overdue))

    def recover(self) -> None:
        """Try to put right the jobs of the oldest dead child; one call to the store at most."""
        if not self._lost:
            return
        child, executing, overdue = self._lost[0]
        count = self._attempt(lambda: self._liveness.recover(child, executing, overdue))
        if count is None:
            self._lost.rotate(-1)  # should one of them be the reason, the others get their turn
            return
        self._lost.popleft()
        if count:
            log.warning("recovered %d jobs of %s (%d were running)", count, child, len(executing))

    def leave(self, name: str) -> None:
        self._attempt(lambda: self._liveness.leave(name))

    def _attempt(self, call: Callable[[], T]) -> T | None:
        """The call's result, None when it failed."""
        try:
            result = call()
        except Exception as error:  # noqa: BLE001 - whatever the store does, the supervisor goes on
            self._failed(error)
            return None
        if self._failing_since is not None:
            log.warning("Redis answers again after %.1f s", self.outage_s)
            self._failing_since = None
        return result

    def _failed(self, error: Exception) -> None:
        newly = isinstance(error, OtherLayout) and not self.refused
        self.refused = self.refused or newly
        if self._failing_since is not None and not newly:
            return
        self._failing_since = clock.monotonic()
        what = sanitize(str(error), limit=300)
        if self.refused:
            log.error("%s", what)
        elif isinstance(error, RedisUnavailable):
            log.error("%s; heartbeats are tried again until it answers", what)
        else:
            log.error("heartbeat failed: %s: %s", type(error).__name__, what, exc_info=error)
