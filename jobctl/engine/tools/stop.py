"""A flag that a signal handler may set while the same thread waits for it.

`threading.Event.set` takes a lock that `wait` holds for moments; called from a signal handler in the waiting
thread it can deadlock. Here `set` is one write to a pipe that nobody ever reads.
"""

from __future__ import annotations

import os
import select


class StopFlag:
    """Asks a worker process to stop fetching and finish. Thread-safe and signal-safe.

    `patient` tells how: False means that the process must be gone within its grace and requeues what is left;
    True (recycling, reload) lets running jobs take the time that their own limit gives them.
    """

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        os.set_blocking(self._write, False)
        self._asked = False
        self._hasty = False

    @property
    def patient(self) -> bool:
        return not self._hasty

    def set(self, patient: bool = False) -> None:
        """Ask to stop. A hasty request overrides an earlier patient one, never the other way round."""
        self._hasty = self._hasty or not patient
        if not self._asked:
            self._asked = True
            os.write(self._write, b"x")

    def is_set(self) -> bool:
        return self._asked

    def wait(self, timeout: float | None = None) -> bool:
        """Block until the flag is set or `timeout` seconds have passed; returns whether it is set."""
        if not self._asked:
            poll = select.poll()
            poll.register(self._read, select.POLLIN)
            poll.poll(None if timeout is None else max(timeout, 0.0) * 1000)
        return self._asked
