"""Writes lines to a descriptor, from a thread of its own if asked to: bounded, whole, and never in anyone's way."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue

PIPE_BUF = 4_096
"""Writes up to this size do not mix with those of other processes on the same pipe."""
GATHER_S = 0.01
"""How long the writer lets lines gather: waking it for each would cost a job's thread more than the line itself."""
MAX_BEHIND = 8_000_000
"""How many bytes of lines may wait for a reader of stderr that is slow or stuck; more are left out, and counted."""


class Sink:
    """Where lines go: a descriptor. `own` makes a line of what the sink itself has to say."""

    def __init__(self, fd: int, own: Callable[[str], bytes]) -> None:
        self.fd = fd
        self._own = own
        self._queue: SimpleQueue[bytes | None] | None = None
        self._writer: threading.Thread | None = None
        self._lock = threading.Lock()
        self._behind = self._left_out = 0

    def write_behind(self) -> None:
        """From now on a thread of its own writes what gathers, so that a job's thread never waits for a system call.

        A process that is killed loses what it logged in its last moments, a few milliseconds.
        """
        self._queue = SimpleQueue()
        self._writer = threading.Thread(target=self._write_gathered, args=(self._queue,), name="logs", daemon=True)
        self._writer.start()

    def flush(self) -> None:
        """Write what has gathered, and write directly from now on."""
        queue, self._queue = self._queue, None
        if queue is not None and self._writer is not None:
            queue.put(None)
            self._writer.join(2.0)

    def write(self, line: bytes) -> None:
        """Write one line, now or a moment later."""
        queue = self._queue  # once: flush may take it away meanwhile
        if queue is None:
            self._write_now(line)
            return
        with self._lock:
            if self._behind >= MAX_BEHIND:
                self._left_out += 1
                return
            self._behind += len(line)
        queue.put(line)

    def _write_gathered(self, queue: SimpleQueue[bytes | None]) -> None:
        ended = False
        while not ended:
            gathered = [queue.get()]
            if gathered[0] is not None:
                time.sleep(GATHER_S)
            while not queue.empty():
                gathered.append(queue.get())
            ended = None in gathered
            chunk = b""
            for line in gathered:
                if line is None or len(chunk) + len(line) > PIPE_BUF:
                    self._write_now(chunk)
                    chunk = b""
                chunk += line or b""
            self._write_now(chunk)
            self._caught_up(sum(len(line) for line in gathered if line is not None))

    def _caught_up(self, written: int) -> None:
        with self._lock:
            self._behind -= written
            left_out, self._left_out = self._left_out, 0
        if left_out:
            self._write_now(
                self._own(f"{left_out:,} lines of this log were dropped: they came faster than they were read")
            )

    def _write_now(self, line: bytes) -> None:
        """One write for a line. A reader that is gone or a full disk must not stop a worker: such lines are
        lost."""
        with contextlib.suppress(OSError):
            written = os.write(self.fd, line)
            while written < len(line):
                line = line[written:]
                written = os.write(self.fd, line)
