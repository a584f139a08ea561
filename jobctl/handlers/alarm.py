"""Interrupts the job in the main thread of its own process, by a signal.

Unlike an exception that is set from another thread, it also ends a call that waits in the kernel.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType


class Alarm:
    """At most one interrupt rings while it is armed, and none otherwise. Made in the main thread."""

    def __init__(self) -> None:
        self._main = threading.get_ident()
        self._armed = self._rung = self._held = False
        self._pending: type[BaseException] | None = None
        signal.signal(signal.SIGTERM, self._arrived)
        for number in (signal.SIGINT, signal.SIGHUP):  # the worker's business, as is a SIGTERM from elsewhere
            signal.signal(number, _ignore)
        os.register_at_fork(after_in_child=_plain_signals)

    def arm(self) -> None:
        self._pending, self._rung = None, False
        self._armed = True

    def disarm(self) -> None:
        self._armed = False
        self._pending = None

    def ring(self, failure: type[BaseException]) -> None:
        """Raise `failure` in the main thread, if it is armed. Called by the one thread that reads the line: so none
        that was meant for one attempt can reach the next, which that thread has not read of yet."""
        if self._armed and not self._rung:
            self._pending = failure
            signal.pthread_kill(self._main, signal.SIGTERM)

    def hold(self, action: Callable[[], None]) -> None:
        """Do something that must not be left half done; in the main thread, what rings meanwhile is raised after it."""
        if threading.get_ident() != self._main:
            action()
            return
        self._held = True
        try:
            action()
        finally:
            self._held = False
        self._raise()

    def _arrived(self, _number: int, _frame: FrameType | None) -> None:
        if not self._held:
            self._raise()

    def _raise(self) -> None:
        pending, self._pending = self._pending, None
        if pending is not None and self._armed and not self._rung:
            self._rung = True
            raise pending


def _plain_signals() -> None:
    """What the job forks ends at a SIGTERM."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def _ignore(_number: int, _frame: FrameType | None) -> None:
    """Not SIG_IGN: that would be inherited by the processes that the job starts."""
