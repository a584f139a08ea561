"""A small event loop: signals, timers and wake-ups, one at a time, in one thread.

Signals go first: after every single timer callback the loop looks at signals again, so the answer to
SIGTERM is late by one callback at most.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import selectors
import signal
import socket
from collections import deque
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any

from jobctl import clock

Callback = Callable[[], None]


class Timer:
    """A callback that is due at `due` (seconds on the monotonic clock), once or every `interval` seconds."""

    def __init__(self, due: float, callback: Callback, interval: float | None) -> None:
        self.due = due
        self.callback = callback
        self.interval = interval
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Early:
    """Keeps a signal that comes before a loop is there to take it; by itself it would end the process.

    Must be made in the main thread.
    """

    def __init__(self, number: int) -> None:
        self.came = False
        signal.signal(number, self)

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        self.came = True


class Loop:
    """Must be made and run in the main thread, where Python delivers signals."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        self._selector.register(self._reader, selectors.EVENT_READ)
        self._old_wakeup = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        self._old_handlers: dict[int, Any] = {}
        self._callbacks: dict[int, Callable[[int], None]] = {}
        self._signals: deque[int] = deque()
        self._timers: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()

    def on_signal(self, signals: Iterable[int], callback: Callable[[int], None]) -> None:
        """Call `callback(signal number)` from the loop, once for each delivery, and for one that came early."""
        for number in signals:
            self._callbacks[number] = callback
            self._old_handlers[number] = old = signal.signal(number, self._note)
            if isinstance(old, Early) and old.came:
                self._signals.append(number)

    def every(self, interval: float, callback: Callback) -> Timer:
        """Call back every `interval` seconds, first at once."""
        return self._add(Timer(clock.monotonic(), callback, interval))

    def later(self, delay: float, callback: Callback) -> Timer:
        """Call back once, `delay` seconds from now."""
        return self._add(Timer(clock.monotonic() + delay, callback, None))

    def wake(self) -> None:
        """Make `run_once` return. The one method that other threads may call."""
        with contextlib.suppress(BlockingIOError):  # so many are under way that one more changes nothing
            self._writer.send(b"\0")

    def run_once(self) -> None:
        """Wait for the next signal, wake-up or timer, and handle it: all signals, and one timer."""
        if not self._signals:
            self._selector.select(self._timeout())
            self._drain_wakeups()
        if self._signals:
            while self._signals:
                number = self._signals.popleft()
                self._callbacks[number](number)
            return
        self._run_due_timer()

    def close(self) -> None:
        """Put back the signal handlers that were there before."""
        for number, handler in self._old_handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._old_wakeup)
        self._selector.close()
        self._reader.close()
        self._writer.close()

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self._signals.append(number)

    def _drain_wakeups(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._reader.recv(4096):
                pass

    def _add(self, timer: Timer) -> Timer:
        heapq.heappush(self._timers, (timer.due, next(self._order), timer))
        return timer

    def _timeout(self) -> float | None:
        while self._timers and self._timers[0][2].cancelled:
            heapq.heappop(self._timers)
        return max(self._timers[0][0] - clock.monotonic(), 0.0) if self._timers else None

    def _run_due_timer(self) -> None:
        if self._timeout() != 0.0:
            return
        timer = heapq.heappop(self._timers)[2]
        timer.callback()
        if timer.interval is not None and not timer.cancelled:
            timer.due = clock.monotonic() + timer.interval
            self._add(timer)
