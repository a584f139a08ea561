"""Stops attempts at their time limit or when they are cancelled: raises AttemptTimeout or AttemptCancelled in the
thread of a Python job, cancels the token of all at the limit.

An exception raised in another thread arrives at that thread's next bytecode, whenever that is: `Guard` makes sure
that at most one is raised an attempt, and that none arrives after `disarm` has returned.
"""

from __future__ import annotations

import ctypes
import threading

from jobctl import clock
from jobctl.handlers.base import AttemptCancelled, AttemptTimeout, CancelToken

_set_async_exc = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_ulong, ctypes.py_object)(
    ("PyThreadState_SetAsyncExc", ctypes.pythonapi)
)
"""A handle of our own: the one in `ctypes.pythonapi` is the whole process's, and Dramatiq's TimeLimit and Shutdown call
it with arguments that types set here would refuse."""

GRACE_S = 10.0
"""How long an attempt may take to end after its deadline; one that takes longer is given up."""


class Guard:
    """Watches over one worker thread. `interrupts` says whether an exception is raised in the thread."""

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
        """From now on the calling thread is interrupted at `deadline` (on `clock.monotonic()`), or soon after `token`
        was cancelled."""
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
        """Interrupt the thread if its deadline has passed or its token was cancelled; False if there is nothing more to
        watch. Called by the watchdog.

        The token is looked at rather than subscribed to: that costs a job nothing, and the canceller 50 ms.
        """
        with self._lock:
            token, deadline = self._token, self._deadline
            if token is None or deadline is None:
                return False
            late = now >= deadline
            if late:
                self._deadline, self._fired = None, now
            if late or token.cancelled:
                self._interrupt(AttemptCancelled if token.cancelled else AttemptTimeout)
        if late:
            token.cancel("timeout")
        return not late

    def _interrupt(self, kind: type[BaseException]) -> None:
        """Raise in the thread, once: a job that catches it goes on, and is given up some time after its deadline."""
        if self._interrupts and not self._raised:
            self._raised = True
            _set_async_exc(self._thread, ctypes.py_object(kind))

    @property
    def reason(self) -> str | None:
        """Why the present attempt was asked to stop, if it was."""
        token = self._token
        return None if token is None else token.reason

    def ignored(self, now: float) -> bool:
        """Whether the attempt continues long after it was interrupted: it is in a call that nothing interrupts."""
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
