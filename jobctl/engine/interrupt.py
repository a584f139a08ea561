"""Stops attempts at their time limit: raises AttemptTimeout in the thread of a Python job, cancels the token of all.

An exception raised in another thread arrives at that thread's next bytecode, whenever that is: `Guard` makes sure
that at most one is raised an attempt, and that none arrives after `disarm` has returned.
"""

from __future__ import annotations

import ctypes
import threading

from jobctl import clock
from jobctl.handlers.base import AttemptTimeout, CancelToken

_set_async_exc = ctypes.pythonapi.PyThreadState_SetAsyncExc
_set_async_exc.argtypes = (ctypes.c_ulong, ctypes.py_object)

GRACE_S = 10.0
"""How long an attempt may take to end after its deadline; one that takes longer is given up."""


class Guard:
    """The time limit of one worker thread. `interrupts` says whether an exception is raised in the thread."""

    def __init__(self, armed: threading.Event) -> None:
        self._armed = armed
        self._lock = threading.Lock()
        self._thread = 0
        self._deadline: float | None = None
        self._fired: float | None = None
        self._raised = False
        self._token: CancelToken | None = None
        self._interrupts = False

    def arm(self, deadline: float, token: CancelToken, *, interrupts: bool) -> None:
        """From now on the calling thread is interrupted at `deadline` (on `clock.monotonic()`)."""
        with self._lock:
            self._thread = threading.get_ident()
            self._raised, self._token, self._interrupts = False, token, interrupts
            self._deadline, self._fired = deadline, None
        if not self._armed.is_set():
            self._armed.set()

    def disarm(self) -> None:
        """The attempt is over. An interrupt that was raised and has not arrived yet is taken back."""
        with self._lock:
            self._deadline = self._fired = self._token = None
            if self._raised:
                _set_async_exc(self._thread, ctypes.py_object())
                self._raised = False

    def check(self, now: float) -> bool:
        """Interrupt the thread if its deadline has passed; False if there is none. Called by the watchdog."""
        with self._lock:
            if self._deadline is None:
                return False
            if now < self._deadline:
                return True
            token, self._deadline, self._fired = self._token, None, now
            if self._interrupts:
                self._raised = True
                _set_async_exc(self._thread, ctypes.py_object(AttemptTimeout))
        if token is not None:
            token.cancel("timeout")
        return True

    def ignored(self, now: float) -> bool:
        """Whether the attempt goes on long after it was interrupted: it is in a call that nothing interrupts."""
        fired = self._fired
        return fired is not None and now - fired >= GRACE_S


class Watchdog(threading.Thread):
    """Looks at all guards of a process, 20 times a second while one is armed."""

    def __init__(self, guards: list[Guard], armed: threading.Event, interval_s: float = 0.05) -> None:
        super().__init__(name="watchdog", daemon=True)
        self._guards = guards
        self._armed = armed
        self._interval = interval_s
        self._halt = threading.Event()

    def run(self) -> None:
        while not self._halt.wait(self._interval):
            self._armed.wait()
            self._armed.clear()
            now = clock.monotonic()
            if any([guard.check(now) for guard in self._guards]):  # noqa: C419 - every guard is checked
                self._armed.set()

    def stop(self) -> None:
        self._halt.set()
        self._armed.set()
