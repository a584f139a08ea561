"""Runs one process group: output read line by line, stopped at the deadline, nothing of it left over."""

from __future__ import annotations

import codecs
import math
import os
import selectors
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType

from jobctl import clock
from jobctl.handlers.base import KILL_GRACE_S, Attempt, AttemptCancelled, AttemptTimeout, interruption
from jobctl.handlers.group import POLL_S, Group, open_pidfd

MAX_LINE = 8_192
"""A longer line is passed on in pieces of this many characters."""
TAIL = 4_096
"""How many of the last characters of stderr are kept for the failure's message."""
CHUNK = 65_536
DRAIN_S = 0.5
"""How long to continue reading when a process that left the group holds the pipes open."""


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
        self._lines = {pipe.fileno(): _Lines(attempt.scrub) for pipe in group.pipes}
        self._sinks = dict(zip(self._lines, ("stdout", "stderr"), strict=True))
        self._open = set(self._lines)
        self._unsaid: deque[tuple[str, str]] = deque()
        self._quiet_until = 0.0
        self._pidfd = open_pidfd(group.pid)

    def __enter__(self) -> _Reader:
        for descriptor in self._lines:
            os.set_blocking(descriptor, False)
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
        while self._open and (left := until - clock.monotonic()) > 0:
            self._say(math.inf)
            self._pump(left)
        for descriptor, lines in self._lines.items():
            self._take(descriptor, lines.finish())
        self._say(math.inf)

    def _pump(self, timeout: float) -> None:
        """Wait for one of what there is to wait for. The pipes are read when the lines of before are said: whoever
        writes more than is kept has to wait."""
        self._say(now := clock.monotonic())
        if self._pidfd is None:
            timeout = min(timeout, POLL_S)
        if self._unsaid:
            timeout = min(timeout, self._quiet_until - now)
        self._listen()
        for key, _ in self._selector.select(max(0.0, min(timeout, 3600.0))):
            if key.fd in self._lines:
                self._read(key.fd)
            else:  # the leader ended, or a cancel: said once, and the caller looks
                self._selector.unregister(key.fd)

    def _listen(self) -> None:
        """Select on the pipes, or not while there are lines to say."""
        wanted = set() if self._unsaid else self._open
        listening = self._lines.keys() & self._selector.get_map().keys()
        for descriptor in wanted - listening:
            self._selector.register(descriptor, selectors.EVENT_READ)
        for descriptor in listening - wanted:
            self._selector.unregister(descriptor)

    def _read(self, descriptor: int) -> None:
        chunk = os.read(descriptor, CHUNK)
        if chunk:
            self._take(descriptor, self._lines[descriptor].feed(chunk))
        else:
            self._open.discard(descriptor)

    def _take(self, descriptor: int, lines: Iterable[str]) -> None:
        self._unsaid.extend((self._sinks[descriptor], line) for line in lines)

    def _say(self, now: float) -> None:
        """Pass lines on, until there are too many for the moment; with `math.inf`, all of them."""
        while self._unsaid and now >= self._quiet_until:
            wait = self._attempt.log(*self._unsaid.popleft())
            self._quiet_until = now + wait


class _Lines:
    """Bytes in, lines of text out, scrubbed; `tail` keeps the last TAIL characters."""

    def __init__(self, scrub: Callable[..., str]) -> None:
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._scrub = scrub
        self._pending = ""
        self._cut = False
        self.tail = ""

    def feed(self, chunk: bytes, *, final: bool = False) -> Iterator[str]:
        """The lines that the chunk completes, long ones in pieces."""
        text = self._decode(chunk, final)
        self.tail = (self.tail + text)[-TAIL:]
        *lines, self._pending = (self._pending + text).split("\n")
        for line in lines:
            yield from self._whole(line.removesuffix("\r"))
        while len(self._pending) > MAX_LINE:
            yield self._piece(self._pending[:MAX_LINE], end=True)
            self._pending = self._pending[MAX_LINE:]

    def finish(self) -> Iterator[str]:
        """The last line, if no newline ended it."""
        yield from self.feed(b"", final=True)
        if self._pending:
            yield from self._whole(self._pending)
            self._pending = ""

    def _whole(self, line: str) -> Iterator[str]:
        """The rest of a line, in pieces if it is long."""
        for start in range(0, max(1, len(line)), MAX_LINE):
            yield self._piece(line[start : start + MAX_LINE], end=start + MAX_LINE < len(line))

    def _piece(self, text: str, *, end: bool) -> str:
        """A piece without the secrets, not even half of one: `end` says that the line continues."""
        front, self._cut = self._cut, end
        return self._scrub(text, front=front, end=end)


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
