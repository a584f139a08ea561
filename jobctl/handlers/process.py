"""Runs one process group: output read line by line, stopped at the deadline, nothing of it left over."""

from __future__ import annotations

import codecs
import math
import os
import selectors
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType

from jobctl import clock
from jobctl.handlers.base import KILL_GRACE_S, Attempt, AttemptCancelled, AttemptTimeout, interruption
from jobctl.handlers.group import POLL_S, Group, open_pidfd

MAX_LINE = 8_192
"""A longer line is passed on in pieces of this many characters."""
TAIL = 4_096
"""How many of the last characters of stderr are kept for the failure's message."""
DRAIN_S = 0.5
"""How long to go on reading when a process that left the group holds the pipes open."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How the leader ended: its exit status, or minus the signal's number; and the end of its stderr."""

    returncode: int
    stderr_tail: str


def run(argv: Sequence[str], env: Mapping[str, str], cwd: str | None, attempt: Attempt) -> Ended:
    """Run the command until its leader ends; then kill what is left of its process group.

    At the deadline or when the attempt is cancelled the whole group gets SIGTERM and, KILL_GRACE_S later,
    SIGKILL; that raises AttemptTimeout or AttemptCancelled. Raises OSError if the command cannot be started.
    """
    with (
        Group(argv, env, cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as group,
        _Reader(group, attempt) as reader,
    ):
        stopped = reader.until_leader_ends()
        returncode = group.end()
        reader.drain()
    if stopped is not None:
        raise stopped
    return Ended(returncode, reader.stderr_tail)


class _Reader:
    """One loop in the attempt's own thread: waits for output, the leader's end, a cancel and the deadline."""

    def __init__(self, group: Group, attempt: Attempt) -> None:
        self._group = group
        self._attempt = attempt
        self._selector = selectors.DefaultSelector()
        self._waker = Waker()
        self._lines = {pipe.fileno(): _Lines() for pipe in group.pipes}
        self._sinks = dict(zip(self._lines, ("stdout", "stderr"), strict=True))
        self._pidfd = open_pidfd(group.pid)

    def __enter__(self) -> _Reader:
        for descriptor in self._lines:
            os.set_blocking(descriptor, False)
            self._selector.register(descriptor, selectors.EVENT_READ)
        self._selector.register(self._waker.reader, selectors.EVENT_READ)
        if self._pidfd is not None:
            self._selector.register(self._pidfd, selectors.EVENT_READ)
        self._attempt.cancel.on_cancel(self._waker.wake)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._selector.close()
        self._waker.close()
        if self._pidfd is not None:
            os.close(self._pidfd)

    @property
    def stderr_tail(self) -> str:
        return list(self._lines.values())[1].tail

    def until_leader_ends(self) -> AttemptTimeout | AttemptCancelled | None:
        """Pump output until the leader has ended. Why it was told to end, or None if it did by itself."""
        stopped: AttemptTimeout | AttemptCancelled | None = None
        next_step = self._attempt.deadline
        while not self._group.leader_ended():
            now = clock.monotonic()
            if stopped is None and (now >= next_step or self._attempt.cancel.cancelled):
                stopped = interruption(self._attempt)
                self._group.signal(signal.SIGTERM)
                next_step = now + KILL_GRACE_S
            elif stopped is not None and now >= next_step:
                self._group.signal(signal.SIGKILL)
                next_step = math.inf
            self._pump(next_step - now)
        return stopped

    def drain(self) -> None:
        """Read what is still in the pipes, without waiting for a process that escaped with them."""
        until = clock.monotonic() + DRAIN_S
        while self._open_pipes() and (left := until - clock.monotonic()) > 0:
            self._pump(left)
        for descriptor, lines in self._lines.items():
            lines.finish(self._log(descriptor))

    def _pump(self, timeout: float) -> None:
        if self._pidfd is None:
            timeout = min(timeout, POLL_S)
        for key, _ in self._selector.select(min(timeout, 3600.0)):
            if key.fd in self._lines:
                self._read(key.fd)
            else:  # the leader ended, or a cancel: said once, and the caller looks
                self._selector.unregister(key.fd)

    def _read(self, descriptor: int) -> None:
        chunk = os.read(descriptor, 65_536)
        if chunk:
            self._lines[descriptor].feed(chunk, self._log(descriptor))
        else:
            self._selector.unregister(descriptor)

    def _open_pipes(self) -> bool:
        registered = self._selector.get_map() or {}
        return any(descriptor in registered for descriptor in self._lines)

    def _log(self, descriptor: int) -> Callable[[str], None]:
        return lambda line: self._attempt.log(self._sinks[descriptor], line)


class _Lines:
    """Bytes in, lines of text out; `tail` keeps the last TAIL characters."""

    def __init__(self) -> None:
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._pending = ""
        self.tail = ""

    def feed(self, chunk: bytes, emit: Callable[[str], None], *, final: bool = False) -> None:
        text = self._decode(chunk, final)
        self.tail = (self.tail + text)[-TAIL:]
        *lines, self._pending = (self._pending + text).split("\n")
        for line in lines:
            self._emit(line.removesuffix("\r"), emit)
        while len(self._pending) > MAX_LINE:
            emit(self._pending[:MAX_LINE])
            self._pending = self._pending[MAX_LINE:]

    def finish(self, emit: Callable[[str], None]) -> None:
        """The last line, if no newline ended it."""
        self.feed(b"", emit, final=True)
        if self._pending:
            self._emit(self._pending, emit)
            self._pending = ""

    @staticmethod
    def _emit(line: str, emit: Callable[[str], None]) -> None:
        for start in range(0, max(1, len(line)), MAX_LINE):
            emit(line[start : start + MAX_LINE])


class Waker:
    """Ends a wait in the selector from another thread; safe after it was closed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.reader, self._writer = os.pipe()
        self._closed = False

    def wake(self) -> None:
        with self._lock:
            if not self._closed:
                os.write(self._writer, b"!")

    def close(self) -> None:
        with self._lock:
            self._closed = True
            os.close(self.reader)
            os.close(self._writer)
