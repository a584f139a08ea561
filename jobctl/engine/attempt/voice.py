"""What an attempt says of itself, on its way to the committer: log lines and progress, scrubbed and bounded."""

from __future__ import annotations

import threading
from collections import deque

from jobctl import clock, scrubbing
from jobctl.engine.attempt.outcome import Lines, Outbox, Reach
from jobctl.engine.attempt.verdict import Running
from jobctl.handlers import process
from jobctl.store.nouns.logs import MAX_LINE, MAX_LINES, Batch, LogLine
from jobctl.store.nouns.progress import MAX_MESSAGE, Reached, Told, following

EVERY_S = 0.25
"""Lines and progress of one attempt are written this often at most; of progress, the latest wins."""
PACE_S = 0.1
"""Where there are more lines than are kept, they are written this often: a job that writes more has to wait."""
MAX_TEXT = 256_000
"""How many characters of lines are gathered, besides MAX_LINES lines, until they are written."""

_lock = threading.Lock()
"""One for all attempts: a voice is made for every one, and the lock is held for moments."""


class Voice:
    """The lines and the progress of one attempt. Any thread may speak; `tick` is called a few times a second."""

    __slots__ = ("_cut", "_job", "_last", "_left_out", "_lines", "_logged", "_outbox", "_reached", "_size", "_told")

    def __init__(self, outbox: Outbox, job: Running) -> None:
        self._outbox = outbox
        self._job = job
        self._lines: deque[LogLine] = deque()
        self._size = self._left_out = 0
        self._told: Told | None = None
        self._last: Told | None = None
        self._logged = self._reached = 0.0
        self._cut = ""

    def log(self, stream: str, text: str) -> float:
        """Add a line. Returns for how many seconds to add no more: until the gathered lines are written. Of more that
        is said meanwhile the oldest lines are left out, and a line says how many."""
        line = LogLine(self._job.number, clock.now_ms(), stream, self._line(stream, text)[:MAX_LINE])
        with _lock:
            self._write_if_due(now := clock.monotonic())
            while self._full:
                self._size -= len(self._lines.popleft().text)
                self._left_out += 1
            self._lines.append(line)
            self._size += len(line.text)
            self._write_if_due(now)
            return max(0.0, self._logged + PACE_S - now) if self._full else 0.0

    def add(self, stream: str, text: str) -> float:
        """As `log`, for who cannot wait."""
        self.log(stream, text)
        return 0.0

    @property
    def _full(self) -> bool:
        return len(self._lines) >= MAX_LINES or self._size > MAX_TEXT - MAX_LINE

    def _write_if_due(self, now: float) -> None:
        if now - self._logged >= (PACE_S if self._full else EVERY_S):
            self._write_lines(now)

    def progress(self, done: float, total: float | None, message: str | None) -> None:
        """Say how far the attempt is."""
        if message is not None:
            message = _encodable(scrubbing.scrub(self._job.scrub, message) or "")[:MAX_MESSAGE]
        with _lock:
            self._told = self._last = following(self._last, done, clock.now_ms(), total, message)
            now = clock.monotonic()
            if now - self._reached >= EVERY_S:
                self._write_progress(now)

    def tick(self, now: float) -> None:
        """Write what was said too soon after something else: nothing more may follow it for long."""
        if not self._lines and self._told is None:
            return
        with _lock:
            if now - self._logged >= EVERY_S:
                self._write_lines(now)
            if now - self._reached >= EVERY_S:
                self._write_progress(now)

    def finish(self) -> None:
        """The attempt is over: its lines are written before its outcome; its progress goes with it."""
        if self._lines or self._told is not None:
            with _lock:
                self._write_lines(clock.monotonic())
                self._told = None

    def _line(self, stream: str, text: str) -> str:
        """A line, scrubbed. A longer one comes in pieces, and a secret may be split across two of them."""
        if self._job.scrub is None:
            return _encodable(text)
        cut, front = len(text) >= process.MAX_LINE, self._cut == stream
        self._cut = stream if cut else ""
        return _encodable(self._job.scrub(text, front=front, end=cut))

    def _write_lines(self, now: float) -> None:
        if self._lines:
            reserved = self._job.reserved
            if self._left_out:
                first = self._lines[0]
                gap = f"… {self._left_out:,} line{'s' * (self._left_out != 1)} left out: too many at once …"
                self._lines.appendleft(LogLine(first.attempt, first.at, "log", gap))
            batch = Batch(reserved.id, reserved.token, tuple(self._lines))
            self._lines.clear()
            self._size = self._left_out = 0
            self._logged = now
            self._outbox.submit(Lines(reserved.queue, batch))

    def _write_progress(self, now: float) -> None:
        if self._told is not None:
            reserved = self._job.reserved
            told, self._told = self._told, None
            self._reached = now
            self._outbox.submit(Reach(reserved.queue, Reached(reserved.id, reserved.token, told)))


def _encodable(text: str) -> str:
    """Text that can be written: half of a surrogate pair cannot."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()
