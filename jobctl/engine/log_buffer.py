"""The log lines of one attempt, on their way to the committer."""

from __future__ import annotations

import threading

from jobctl import clock
from jobctl.engine.committer import Committer, Lines
from jobctl.engine.verdict import Running
from jobctl.store.logs import MAX_LINE, MAX_LINES, LogLine

_lock = threading.Lock()
"""One for all buffers: a buffer is made for every attempt, and held for moments."""


class LogBuffer:
    """The lines of one attempt, bounded, on their way to the committer."""

    def __init__(self, committer: Committer, job: Running) -> None:
        self._committer = committer
        self._job = job
        self._lines: list[LogLine] = []
        self._written = 0

    def add(self, stream: str, text: str) -> None:
        with _lock:
            self._lines.append(LogLine(self._job.number, clock.now_ms(), stream, text[:MAX_LINE]))
            if len(self._lines) >= 50 or self._written == 0:
                self._flush()

    def flush(self) -> None:
        if self._lines:
            with _lock:
                self._flush()

    def _flush(self) -> None:
        if self._lines:
            self._written += len(self._lines)
            lines = tuple(self._lines[-MAX_LINES:])
            self._lines.clear()
            self._committer.submit(Lines(self._job.reserved.queue, self._job.reserved.id, lines))
